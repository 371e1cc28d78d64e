import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { CallEvent } from '../../src/call/ports.js';

/** An event, perhaps of no call. */
type Told = Omit<CallEvent, 'data'> & { data: Partial<CallEvent['data']> };

export type Mood = 'well' | 'error' | 'hang' | 'reset';

/** A receiver with moods, which remembers the order of what it has taken. */
export class MoodyReceiver {
  mood: Mood = 'well';
  requests = 0;
  unverified = 0;
  /** Event ids that were answered 200, in the order of their first coming, by call. */
  readonly taken = new Map<string, Map<string, number>>();
  /** Called with each event as it is taken for the first time. */
  onEvent: (event: CallEvent) => void = () => undefined;
  /** Called with each event of no call as it is taken: of trunks, lines and channels; again where it is sent anew. */
  onOther: (event: { id: string; type: string }) => void = () => undefined;
  readonly #webhook: Webhook;
  readonly #server: Server = createServer((request, response) => this.#serve(request, response));

  private constructor(secret: string) {
    this.#webhook = new Webhook(secret);
  }

  static async start(secret: string): Promise<MoodyReceiver> {
    const receiver = new MoodyReceiver(secret);
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  get received(): number {
    return [...this.taken.values()].reduce((sum, events) => sum + events.size, 0);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined); // a killed gateway breaks off
    request.on('end', () => this.#answer(Buffer.concat(chunks).toString('utf8'), request, response));
  }

  #answer(raw: string, request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    if (this.mood === 'hang') return;
    if (this.mood === 'reset') response.socket?.resetAndDestroy();
    else if (this.mood === 'error') response.writeHead(500).end();
    else {
      this.#take(raw, request.headers as Record<string, string>);
      response.end('ok');
    }
  }

  #take(raw: string, headers: Record<string, string>): void {
    const event = this.#verified(raw, headers);
    if (event === null) return;
    if (event.data.call === undefined) {
      this.onOther(event);
      return;
    }
    const { id } = event.data.call;
    const events = this.taken.get(id) ?? new Map<string, number>();
    this.taken.set(id, events);
    if (events.has(event.id)) return;
    events.set(event.id, event.sequence);
    this.onEvent(event as CallEvent);
  }

  #verified(raw: string, headers: Record<string, string>): Told | null {
    try {
      return this.#webhook.verify(raw, headers) as Told;
    } catch {
      this.unverified += 1;
      return null;
    }
  }
}
