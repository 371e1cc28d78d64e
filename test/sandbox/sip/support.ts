import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import type { Socket as TcpSocket } from 'node:net';

/** The other side without a stack: sends text, keeps what comes. */
abstract class Wire {
  readonly received: string[] = [];
  readonly #events = new EventEmitter();

  abstract send(text: string, port: number): void;

  protected take(text: string): void {
    this.received.push(text);
    this.#events.emit('message');
  }

  /** The first message, come or to come, that begins with `start`. */
  async next(start: string): Promise<string> {
    for (;;) {
      const at = this.received.findIndex((text) => text.startsWith(start));
      if (at >= 0) return this.received.splice(at, 1)[0] ?? '';
      await once(this.#events, 'message');
    }
  }

  count(start: string): number {
    return this.received.filter((text) => text.startsWith(start)).length;
  }
}

export class UdpWire extends Wire {
  private constructor(private readonly socket: Socket) {
    super();
    socket.on('message', (data) => this.take(data.toString()));
  }

  static async open(): Promise<UdpWire> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new UdpWire(socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(text: string, port: number): void {
    this.socket.send(text, port, '127.0.0.1');
  }

  close(): void {
    this.socket.close();
  }
}

export class TcpWire extends Wire {
  closed = false;

  private constructor(readonly socket: TcpSocket) {
    super();
    socket.on('data', (data) => this.take(data.toString()));
    socket.on('close', () => (this.closed = true));
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<TcpWire> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new TcpWire(socket);
  }

  send(text: string): void {
    this.socket.write(text);
  }
}

let lastBranch = 0;

export interface WireRequest {
  method?: string;
  uri?: string;
  via?: string;
  branch?: string;
  to?: string;
  callId?: string;
  cseq?: number;
  extra?: string[];
  body?: string;
}

/** A request as a plain user agent at `port` would write it. */
export function wireRequest(port: number, parts: WireRequest = {}): string {
  const {
    method = 'OPTIONS',
    branch = `z9hG4bKw${++lastBranch}`,
    callId = `call-${lastBranch}`,
    cseq = 1,
    body = '',
  } = parts;
  return [
    `${method} ${parts.uri ?? 'sip:b@127.0.0.1'} SIP/2.0`,
    parts.via ?? `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=${branch}`,
    'Max-Forwards: 70',
    'From: <sip:a@127.0.0.1>;tag=from',
    parts.to ?? 'To: <sip:b@127.0.0.1>',
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:a@127.0.0.1:${port}>`,
    ...(parts.extra ?? []),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** An answer to a request as it came over the wire. */
export function wireResponse(request: string, status: string, extra: string[] = []): string {
  const copied = request.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line));
  const tagged = copied.map((line) =>
    /^to:/i.test(line) && !line.includes('tag=') && !status.startsWith('100') ? `${line};tag=peer` : line,
  );
  return [`SIP/2.0 ${status}`, ...tagged, ...extra, 'Content-Length: 0', '', ''].join('\r\n');
}

export const header = (message: string, name: string): string =>
  new RegExp(`^${name}: (.*)$`, 'im').exec(message)?.[1]?.trim() ?? '';
