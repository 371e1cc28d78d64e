import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** As much of drachtio-srf as these tests use; its own declarations do not describe what it really does. */
export interface SrfRequest extends EventEmitter {
  method: string;
  uri: string;
  body: string;
  source_address: string;
  source_port: string;
  protocol: string;
  receivedOn: string;
  callId: string;
  canceled?: boolean;
  get(name: string): string;
  cancel(callback?: (error: Error | null, request: SrfRequest) => void): void;
}

export interface SrfResponse extends EventEmitter {
  status: number;
  body: string;
  get(name: string): string;
  send(status: number, options?: object, callback?: (error: unknown, message: unknown) => void): void;
}

export interface SrfDialog extends EventEmitter {
  id: string;
  sip: { callId: string; localTag: string; remoteTag: string };
  local: { sdp: string; contact: string };
  remote: { sdp: string; uri: string };
  destroy(options?: object): Promise<SrfRequest>;
  modify(sdp: string): Promise<string>;
  request(options: object): Promise<SrfResponse>;
}

export interface Srf extends EventEmitter {
  connect(options: object): void;
  disconnect(): void;
  invite(handler: (req: SrfRequest, res: SrfResponse) => void): void;
  options(handler: (req: SrfRequest, res: SrfResponse) => void): void;
  info(handler: (req: SrfRequest, res: SrfResponse) => void): void;
  request(uri: string, options: object): Promise<SrfRequest>;
  createUAS(req: SrfRequest, res: SrfResponse, options: object): Promise<SrfDialog>;
  createUAC(uri: string, options: object, progress?: object): Promise<SrfDialog>;
  createB2BUA(
    req: SrfRequest,
    res: SrfResponse,
    uri: string,
    options?: object,
  ): Promise<{ uas: SrfDialog; uac: SrfDialog }>;
}

const SrfClass = createRequire(import.meta.url)('drachtio-srf') as new () => Srf;

const opened: Srf[] = [];

/** An application, connected and authenticated. */
export async function connectApp(adminPort: number, secret = 'cymru'): Promise<Srf> {
  const srf = new SrfClass();
  opened.push(srf);
  srf.on('error', () => undefined);
  const connected = once(srf, 'connect');
  srf.connect({ host: '127.0.0.1', port: adminPort, secret });
  const [error] = (await connected) as [Error | null];
  if (error) throw error;
  return srf;
}

export function disconnectApps(): void {
  for (const srf of opened.splice(0)) srf.disconnect();
}

/** An application without a library: raw messages both ways. */
export class RawApp {
  #buffer = Buffer.alloc(0);
  #id = 0;
  readonly received: string[] = [];
  readonly #changed = new EventEmitter();

  private constructor(readonly socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#read(chunk));
  }

  static async connect(port: number): Promise<RawApp> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawApp(socket);
  }

  /** Sends `<id>|message` and returns the id. */
  send(message: string): string {
    const id = `m${++this.#id}`;
    const text = `${id}|${message}`;
    this.socket.write(`${Buffer.byteLength(text)}#${text}`);
    return id;
  }

  /** The first message that the server sent, now or later, for which `wanted` holds. */
  async next(wanted: (message: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.received.findIndex(wanted);
      if (found >= 0) return this.received.splice(found, 1)[0] ?? '';
      await once(this.#changed, 'message');
    }
  }

  /** Sends and awaits the `response` to it, as tokens. */
  async ask(message: string): Promise<string[]> {
    const id = this.send(message);
    return (await this.next((text) => text.split('|')[2] === id)).split('|');
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const hash = this.#buffer.indexOf(0x23);
      const length = Number(this.#buffer.toString('latin1', 0, Math.max(0, hash)));
      if (hash < 0 || this.#buffer.length < hash + 1 + length) return;
      this.received.push(this.#buffer.toString('utf8', hash + 1, hash + 1 + length));
      this.#buffer = this.#buffer.subarray(hash + 1 + length);
      this.#changed.emit('message');
    }
  }
}

export const SDP = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 4000 RTP/AVP 8 101',
  'a=rtpmap:101 telephone-event/8000',
  'a=sendrecv',
  '',
].join('\r\n');
