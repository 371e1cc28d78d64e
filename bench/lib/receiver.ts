import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { CallEvent } from '../../src/call/ports.js';

/** What was told of one call. */
export interface Told {
  terminal: string | null;
  disposition: string | null;
  recording: string | null;
  /** Of the finished recording, below the recordings folder. */
  file: string | null;
  recordedSeconds: number | null;
  events: number;
}

/** A webhook receiver that verifies every request and remembers of each call only what the bench asks about. */
export class BenchReceiver {
  unverified = 0;
  events = 0;
  readonly #told = new Map<string, Told>();

  private constructor(
    private readonly webhook: Webhook,
    readonly url: string,
    private readonly close: () => void,
  ) {}

  static async start(secret: string): Promise<BenchReceiver> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const receiver = new BenchReceiver(new Webhook(secret), `http://127.0.0.1:${port}/calls`, () => {
      server.close();
      server.closeAllConnections();
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => receiver.#serve(request, response));
    return receiver;
  }

  /** By the caller's SIP Call-ID. */
  of(sipCallId: string): Told | undefined {
    return this.#told.get(sipCallId);
  }

  /** Nothing is left to come for this call. */
  settled(sipCallId: string): boolean {
    const told = this.#told.get(sipCallId);
    if (!told?.terminal) return false;
    return told.disposition !== 'answered' || told.recording !== null;
  }

  forget(): void {
    this.#told.clear();
    this.unverified = 0;
    this.events = 0;
  }

  stop(): void {
    this.close();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.end('ok');
      this.#take(Buffer.concat(chunks).toString('utf8'), request.headers as Record<string, string>);
    });
  }

  #take(body: string, headers: Record<string, string>): void {
    let event: CallEvent;
    try {
      event = this.webhook.verify(body, headers) as CallEvent;
    } catch {
      this.unverified += 1;
      return;
    }
    this.events += 1;
    const { call } = event.data;
    const told = this.#told.get(call.sipCallId) ?? {
      terminal: null,
      disposition: null,
      recording: null,
      file: null,
      recordedSeconds: null,
      events: 0,
    };
    this.#told.set(call.sipCallId, told);
    told.events += 1;
    if (/^call\.(?:completed|missed|rejected)$/.test(event.type)) {
      told.terminal = event.type;
      told.disposition = call.disposition;
    }
    if (event.type.startsWith('recording.')) {
      told.recording = event.type;
      told.file = call.recording.file;
      told.recordedSeconds = call.recording.durationSeconds;
    }
  }
}
