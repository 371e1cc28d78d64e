// A receiver as fast as node makes one: a process of its own, so that it does not share the measured event loop.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the receiver tells its parent when asked. */
export interface ReceiverCount {
  received: number;
  /** Of the requests since the last question: ms from the event's own timestamp until it had come. */
  latenciesMs: number[];
}

let received = 0;
let latenciesMs: number[] = [];
const TIMESTAMP = /"timestamp":"([^"]+)"/;

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    // The event's timestamp is of whole milliseconds; our own clock need not add its share to that.
    const at = performance.timeOrigin + performance.now();
    received += 1;
    const stamp = TIMESTAMP.exec(body)?.[1];
    if (stamp !== undefined) latenciesMs.push(at - Date.parse(stamp));
    response.end('ok');
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));

process.on('message', () => {
  process.send?.({ received, latenciesMs } satisfies ReceiverCount);
  latenciesMs = [];
});
process.on('disconnect', () => process.exit());
