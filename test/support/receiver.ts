import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { onTestFinished } from 'vitest';
import type { CallEvent } from '../../src/call/ports.js';
import { eventually } from './until.js';

/** One request as it arrived. */
export interface Received {
  headers: Record<string, string>;
  raw: string;
  body: { id: string; type: string; sequence?: number; timestamp: string; data: Record<string, unknown> };
  /** Whether the official library accepted signature and timestamp. */
  verified: boolean;
  /** Number of the connection it came over, from 1. */
  connection: number;
  path: string;
  at: number;
}

/** How the receiver treats a request. */
type Behaviour =
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body?: string }
  /** As it says, once it is known. */
  | { kind: 'later'; when: Promise<Behaviour> }
  /** Reads the request and never answers. */
  | { kind: 'hang' }
  /** Resets the connection without an answer. */
  | { kind: 'close' }
  /** Sends the head and a part of the body, then resets. */
  | { kind: 'break'; status: number }
  /** Sends body without end. */
  | { kind: 'flood'; status: number };

export const OK: Behaviour = { kind: 'answer', status: 200, body: 'ok' };
export const answer = (status: number, headers: Record<string, string> = {}): Behaviour => ({
  kind: 'answer',
  status,
  headers,
});

/** A webhook receiver as a customer would write it, on a free port of loopback. */
export class Receiver {
  readonly received: Received[] = [];
  /** Asked for each request; a constant one unless the test sets it. */
  behave: (request: Received) => Behaviour = () => OK;
  /** Requests that have come and are not answered yet, and the most there were at a time. */
  open = 0;
  mostOpen = 0;
  readonly #server: Server;
  readonly #sockets = new Map<Socket, number>();
  readonly #webhook: Webhook;
  #connections = 0;

  private constructor(secret: string) {
    this.#webhook = secret.startsWith('whsec_') ? new Webhook(secret) : new Webhook(secret, { format: 'raw' });
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.#server.on('connection', (socket) => {
      this.#connections += 1;
      this.#sockets.set(socket, this.#connections);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined); // resets are part of the tests
    });
  }

  static async start(secret: string, port = 0): Promise<Receiver> {
    const receiver = new Receiver(secret);
    await receiver.listen(port);
    return receiver;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks/calls`;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Takes no more connections and breaks those that are open. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await once(this.#server, 'close');
  }

  /** Waits until at least `count` requests have come. */
  async wait(count: number): Promise<Received[]> {
    await eventually(() => {
      if (this.received.length < count) throw new Error(`${this.received.length} of ${count} requests have come`);
    });
    return this.received;
  }

  /** Events of calls that came with a valid signature, in the order of their coming. */
  get events(): CallEvent[] {
    const calls = this.received.filter(({ verified, body }) => verified && body.sequence !== undefined);
    return calls.map(({ body }) => body as unknown as CallEvent);
  }

  /** The first event that fits, once it has come. */
  async next(fits: (event: CallEvent) => boolean): Promise<CallEvent> {
    return await eventually(() => {
      const found = this.events.find(fits);
      if (!found) throw new Error(`no such event among ${this.received.length}`);
      return found;
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString('utf8');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const received: Received = {
      headers,
      raw,
      body: JSON.parse(raw) as Received['body'],
      verified: this.#verify(raw, headers),
      connection: this.#sockets.get(request.socket) ?? 0,
      path: request.url ?? '',
      at: Date.now(),
    };
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    response.on('close', () => (this.open -= 1));
    this.received.push(received);
    const behaviour = this.behave(received);
    act(behaviour.kind === 'later' ? await behaviour.when : behaviour, response);
  }

  #verify(raw: string, headers: Record<string, string>): boolean {
    try {
      this.#webhook.verify(raw, headers);
      return true;
    } catch {
      return false; // the test asserts on it
    }
  }
}

/** A receiver that goes with the test. */
export async function openReceiver(secret: string, port?: number): Promise<Receiver> {
  const receiver = await Receiver.start(secret, port);
  onTestFinished(() => receiver.stop());
  return receiver;
}

function act(behaviour: Behaviour, response: ServerResponse): void {
  switch (behaviour.kind) {
    case 'answer':
      response.writeHead(behaviour.status, behaviour.headers);
      response.end(behaviour.body);
      return;
    case 'hang':
    case 'later':
      return;
    case 'close':
      response.socket?.resetAndDestroy();
      return;
    case 'break':
      response.writeHead(behaviour.status, { 'content-length': '1000' });
      response.write('half', () => response.socket?.resetAndDestroy());
      return;
    case 'flood':
      response.writeHead(behaviour.status);
      flood(response);
  }
}

function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(65_536, 'x');
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}
