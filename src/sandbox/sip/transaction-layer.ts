import { EventEmitter } from 'node:events';
import { ClientTransaction } from './client-transaction.js';
import type { SipRequest, SipResponse } from './message.js';
import type { Malformed } from './parse.js';
import { ServerTransaction } from './server-transaction.js';
import type { TransactionContext } from './transactions.js';
import { buildResponse, MAGIC_COOKIE, newBranch, newTag, responseHop } from './transactions.js';
import { hopKey, type Arrival, type Hop } from './hop.js';
import { formatVia } from './via.js';

/** Open transactions beyond this many are refused 503: the stack of a sandbox must not eat the machine. */
const MAX_SERVER_TRANSACTIONS = 20_000;

/** RFC 3261 17: matches messages to transactions and makes new ones. */
export class TransactionLayer extends EventEmitter<{
  /** A new request; CANCEL of a known INVITE and ACK to non-2xx do not come here. */
  request: [ServerTransaction];
  /** ACK to a 2xx: it belongs to a dialog, not to a transaction (17.1.1.3). */
  ack: [SipRequest, Arrival];
  /** CANCEL after our final response: the transaction is there, but nothing is left to cancel. */
  lateCancel: [ServerTransaction, ServerTransaction];
}> {
  readonly #servers = new Map<string, ServerTransaction>();
  readonly #clients = new Map<string, ClientTransaction>();
  /** A response that matches no transaction is dropped (17.1.3) and counted. */
  strayResponses = 0;

  constructor(private readonly context: TransactionContext) {
    super();
    const { transport } = context;
    transport.on('message', (message, arrival) => {
      if (message.kind === 'request') this.#onRequest(message, arrival);
      else this.#onResponse(message, arrival);
    });
    transport.on('malformed', (malformed, arrival) => this.#refuseMalformed(malformed, arrival));
    transport.on('unreachable', (hop) => this.#onUnreachable(hop));
  }

  /** Transactions that are not over yet. */
  get size(): number {
    return this.#servers.size + this.#clients.size;
  }

  /** Puts our Via on and sends. Listeners put on the result at once miss nothing. */
  send(request: SipRequest, hop: Hop): ClientTransaction {
    this.stamp(request, hop);
    return this.#start(request, hop);
  }

  /** Our Via with a new branch, as a request outside every transaction (ACK to 2xx) needs it too. */
  stamp(request: SipRequest, hop: Hop): void {
    const { transport } = this.context;
    const { host } = transport;
    const port = transport.portOf(hop.protocol);
    const params = new Map([
      ['branch', newBranch()],
      ['rport', ''],
    ]);
    request.headers.prepend('Via', formatVia({ transport: hop.protocol.toUpperCase(), host, port, params }));
  }

  close(): void {
    for (const transaction of [...this.#servers.values(), ...this.#clients.values()]) {
      transaction.removeAllListeners();
      transaction.terminate();
    }
    this.#servers.clear();
    this.#clients.clear();
    this.removeAllListeners();
  }

  #start(request: SipRequest, hop: Hop): ClientTransaction {
    const transaction = new ClientTransaction(this.context, request, hop, (cancel, to) => this.#start(cancel, to));
    const key = clientKey(request);
    this.#clients.set(key, transaction);
    transaction.once('terminated', () => this.#clients.delete(key));
    // Not in this very tick, so that the caller's listeners are on when an answer, or an error, comes back.
    queueMicrotask(() => {
      if (transaction.state === 'terminated') return;
      if (hop.address === '') transaction.onUnreachable();
      else transaction.start();
    });
    return transaction;
  }

  #onRequest(request: SipRequest, arrival: Arrival): void {
    noteSource(request, arrival);
    const key = serverKey(request);
    const known = this.#servers.get(key);
    if (request.method === 'ACK') {
      if (known && known.state !== 'accepted') known.onAck(request);
      else this.emit('ack', request, arrival);
    } else if (known) {
      known.onRetransmission();
    } else if (this.#servers.size >= MAX_SERVER_TRANSACTIONS) {
      this.#respondStatelessly(request, arrival, 503);
    } else {
      const transaction = this.#accept(key, request, arrival);
      if (request.method === 'CANCEL') this.#onCancel(transaction);
      else this.emit('request', transaction);
    }
  }

  #accept(key: string, request: SipRequest, arrival: Arrival): ServerTransaction {
    const transaction = new ServerTransaction(this.context, key, request, arrival);
    this.#servers.set(key, transaction);
    transaction.once('terminated', () => this.#servers.delete(key));
    return transaction;
  }

  /** RFC 3261 9.2. */
  #onCancel(cancel: ServerTransaction): void {
    const invite = this.#servers.get(serverKey(cancel.request, 'INVITE'));
    if (!invite) {
      cancel.respond(481);
    } else if (!invite.isFinal) {
      cancel.respond(200, { toTag: invite.localTag });
      invite.emit('cancel', cancel.request);
    } else if (!this.emit('lateCancel', invite, cancel)) {
      cancel.respond(200, { toTag: invite.localTag });
    }
  }

  #onResponse(response: SipResponse, arrival: Arrival): void {
    const transaction = this.#clients.get(clientKey(response));
    if (transaction) transaction.onResponse(response, arrival);
    else this.strayResponses += 1;
  }

  #onUnreachable(hop: Hop): void {
    const key = hopKey(hop);
    for (const transaction of [...this.#clients.values()]) {
      if (hopKey(transaction.hop) === key) transaction.onUnreachable();
    }
  }

  #refuseMalformed(malformed: Malformed, arrival: Arrival): void {
    if (malformed.request && malformed.request.method !== 'ACK') {
      noteSource(malformed.request, arrival);
      this.#respondStatelessly(malformed.request, arrival, malformed.status);
    }
  }

  #respondStatelessly(request: SipRequest, arrival: Arrival, status: number): void {
    const response = buildResponse(request, status, {}, newTag());
    this.context.transport.sendBack(response.toBuffer(), arrival, responseHop(request, arrival));
  }
}

/** 18.2.1 and RFC 3581 4: writes into the top Via where the request really came from. */
function noteSource(request: SipRequest, arrival: Arrival): void {
  const via = request.topVia;
  if (!via) return;
  const asked = via.params.has('rport');
  if (asked) via.params.set('rport', String(arrival.port));
  if (asked || via.host !== arrival.address) via.params.set('received', arrival.address);
  else return;
  const [first = '', ...rest] = request.headers.getAll('Via');
  const others = first.includes(',') ? request.headers.values('Via').slice(1) : rest;
  request.headers.set('Via', [formatVia(via), ...others]);
}

function clientKey(message: SipRequest | SipResponse): string {
  return `${message.topVia?.params.get('branch') ?? ''}|${message.cseq.method}`;
}

/** 17.2.3. ACK and CANCEL look for their INVITE; without the cookie (RFC 2543) the old rules apply. */
function serverKey(request: SipRequest, method = request.method === 'ACK' ? 'INVITE' : request.method): string {
  const via = request.topVia;
  const branch = via?.params.get('branch') ?? '';
  const sentBy = `${via?.host ?? ''}:${via?.port ?? ''}`.toLowerCase();
  if (branch.toLowerCase().startsWith(MAGIC_COOKIE.toLowerCase())) return `${branch}|${sentBy}|${method}`;
  return [request.callId, request.cseq.seq, request.fromTag ?? '', sentBy, branch, method].join('|');
}
