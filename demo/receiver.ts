import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { CallEvent } from '../src/call/ports.js';
import { Happenings } from './happenings.js';

/** One webhook as it arrived. */
export interface Received {
  headers: Record<string, string>;
  /** The body, byte for byte. */
  raw: string;
  event: CallEvent;
  /** Whether the `standardwebhooks` package accepted signature and timestamp. */
  verified: boolean;
}

/** The business's own system, as a customer would write it: verifies what comes, and answers at once. */
export class Receiver {
  readonly received = new Happenings<Received>();
  readonly #server: Server;
  readonly #webhook: Webhook;

  private constructor(
    secret: string,
    private readonly bodies: WriteStream,
  ) {
    this.#webhook = new Webhook(secret);
    this.#server = createServer((request, response) => {
      this.#take(request).then(
        (verified) => response.writeHead(verified ? 204 : 401).end(),
        () => response.writeHead(400).end(),
      );
    });
  }

  /** Every body goes to `bodiesFile` too, one a line. */
  static async start(secret: string, bodiesFile: string): Promise<Receiver> {
    const receiver = new Receiver(secret, createWriteStream(bodiesFile));
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hooks/calls`;
  }

  /** What came about one call, in the order of its coming. */
  about(callId: string): Received[] {
    return this.received.all.filter(({ event }) => event.data.call.id === callId);
  }

  /** Whether the call has ended, and its recording is settled if it was to have one. */
  isSettled(callId: string): boolean {
    const events = this.about(callId).map(({ event }) => event);
    const end = events.find(({ type }) => /^call\.(completed|missed|rejected)$/.test(type));
    if (end === undefined) return false;
    return end.data.call.answeredAt === null || events.some(({ type }) => type.startsWith('recording.'));
  }

  /** Waits until it is; gives what came about the call. */
  async settled(callId: string): Promise<Received[]> {
    await this.received.first('the last webhook of a call', () => this.isSettled(callId));
    return this.about(callId);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
    this.bodies.end();
  }

  async #take(request: IncomingMessage): Promise<boolean> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString('utf8');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const event = JSON.parse(raw) as CallEvent;
    const verified = this.#verify(raw, headers);
    this.bodies.write(`${raw}\n`);
    this.received.add({ headers, raw, event, verified });
    return verified;
  }

  #verify(raw: string, headers: Record<string, string>): boolean {
    try {
      this.#webhook.verify(raw, headers);
      return true;
    } catch {
      return false; // told, and counted as a failure
    }
  }
}
