# A receiver in Python: pip install standardwebhooks
# Run: WEBHOOK_SECRET=whsec_... PORT=3000 python3 examples/receivers/receiver.py
import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

# While a secret is being replaced, accept both: WEBHOOK_SECRET="whsec_new whsec_old".
SECRETS = [Webhook(secret) for secret in os.environ["WEBHOOK_SECRET"].split()]
# Your database in the place of these two. Keep ids for as long as we retry: three days and a bit.
seen = set()
calls = {}
# Each request has a thread of its own.
lock = threading.Lock()


def take(event):
    with lock:
        take_once(event)


def take_once(event):
    if event["id"] in seen:  # at least once means sometimes twice
        return
    print(event["type"], flush=True)
    if "sequence" in event:  # trunk.down, capacity.high ...: nothing of a call
        update(event["data"]["call"], event["sequence"])
    seen.add(event["id"])  # last, or in one transaction: what fails before this comes again


def update(call, sequence):
    known = calls.get(call["id"], {"sequence": 0})
    if known["sequence"] >= sequence:  # each event carries the whole call: a late one says nothing new
        return
    calls[call["id"]] = {"sequence": sequence, "state": call["disposition"] or "in progress"}


def verify(body, headers):
    for secret in SECRETS:
        try:
            return secret.verify(body, headers)
        except (WebhookVerificationError, ValueError):  # ValueError: no UTF-8, or a header that is no signature at all
            continue
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        event = verify(body, {name.lower(): value for name, value in self.headers.items()})
        if event is not None:
            take(event)  # answer within 15 s: what takes longer belongs into a queue of yours
        self.send_response(401 if event is None else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def stop(*_):
    print(json.dumps(calls), flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Handler)
print("listening on", json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
