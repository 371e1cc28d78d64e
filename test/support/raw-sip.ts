import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { until } from './until.js';

/**
 * A UDP socket that says exactly what a test writes, in the same instant: for malformed messages, and for races that a
 * proper user agent never produces on purpose. It retransmits nothing.
 */
export class RawSip {
  readonly messages: string[] = [];
  #onMessage: ((message: string) => void) | undefined;

  private constructor(
    private readonly socket: Socket,
    readonly address: string,
    readonly port: number,
  ) {
    socket.on('message', (datagram) => {
      const message = datagram.toString('utf8');
      this.messages.push(message);
      this.#onMessage?.(message);
    });
  }

  static async open(address: string, port = 5060): Promise<RawSip> {
    // Addresses are never looked up: that would be in a later turn, and what is sent right before `close` would not go at all.
    const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
    const listening = once(socket, 'listening');
    socket.bind({ address, port, exclusive: true });
    await listening;
    return new RawSip(socket, address, port);
  }

  send(message: string | Buffer, to: { host: string; port: number }): void {
    this.socket.send(message, to.port, to.host);
  }

  /** Called synchronously for each message from now on. */
  onMessage(listener: (message: string) => void): void {
    this.#onMessage = listener;
  }

  /** The first message received so far, or from now on, that matches. */
  async received(pattern: RegExp): Promise<string> {
    return await until(`a message like ${String(pattern)}`, () =>
      this.messages.find((message) => pattern.test(message)),
    );
  }

  close(): void {
    this.socket.close();
  }

  /** A request of ours as text; `headers` come after the mandatory ones. */
  request(
    method: string,
    to: { host: string; port: number },
    parts: {
      called: string;
      caller: string;
      callId: string;
      branch: string;
      toTag?: string;
      cseq?: number;
      headers?: string[];
      body?: string;
    },
  ): string {
    const { called, caller, callId, branch, toTag, cseq = 1, headers = [], body = '' } = parts;
    return [
      `${method} sip:${called}@${to.host}:${to.port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.address}:${this.port};branch=z9hG4bK${branch};rport`,
      `From: <sip:${caller}@${this.address}>;tag=raw-${callId}`,
      `To: <sip:${called}@${to.host}>${toTag === undefined ? '' : `;tag=${toTag}`}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:raw@${this.address}:${this.port}>`,
      'Max-Forwards: 70',
      ...endOf(headers, body),
    ].join('\r\n');
  }

  /** A response to `request`, with what it must copy. */
  response(status: string, request: string, parts: ResponseParts): string {
    return responseTo(request, status, this, parts);
  }
}

interface RawPlace {
  address: string;
  port: number;
  /** Default UDP. */
  transport?: 'tcp';
}

interface ResponseParts {
  toTag: string;
  headers?: string[];
  body?: string;
}

/** A message's last headers and its body, as lines. */
const endOf = (headers: string[], body: string): string[] => [
  ...headers,
  ...(body === '' ? [] : ['Content-Type: application/sdp']),
  `Content-Length: ${Buffer.byteLength(body)}`,
  '',
  body,
];

/** A response to `request`, with what it must copy, from who is at this place. */
export function responseTo(request: string, status: string, from: RawPlace, parts: ResponseParts): string {
  const { toTag, headers = [], body = '' } = parts;
  const copied = request.split('\r\n').filter((line) => /^(Via|From|Call-ID|CSeq|Record-Route):/i.test(line));
  const to = headerValue(request, 'To') ?? '';
  return [
    `SIP/2.0 ${status}`,
    ...copied,
    `To: ${to.includes(';tag=') ? to : `${to};tag=${toTag}`}`,
    `Contact: <sip:raw@${from.address}:${from.port}${from.transport ? `;transport=${from.transport}` : ''}>`,
    ...endOf(headers, body),
  ].join('\r\n');
}

/** A BYE of who was invited, and has answered by this tag. */
export function byeOf(invite: string, { address, port, transport }: RawPlace, toTag: string): string {
  return [
    `BYE ${/<([^>]+)>/.exec(headerValue(invite, 'Contact') ?? '')?.[1] ?? ''} SIP/2.0`,
    `Via: SIP/2.0/${transport ? 'TCP' : 'UDP'} ${address}:${port};branch=z9hG4bKbye;rport`,
    `From: ${headerValue(invite, 'To') ?? ''};tag=${toTag}`,
    `To: ${headerValue(invite, 'From') ?? ''}`,
    `Call-ID: ${headerValue(invite, 'Call-ID') ?? ''}`,
    'CSeq: 1 BYE',
    'Max-Forwards: 70',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

export const headerValue = (message: string, name: string): string | undefined =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(message)?.[1]?.trim();

/** Where the answer to a request goes. */
export function viaOf(message: string): { host: string; port: number } {
  const [, host = '', port = '5060'] = /^Via: SIP\/2\.0\/UDP ([\d.]+)(?::(\d+))?/im.exec(message) ?? [];
  return { host, port: Number(port) };
}

/** An offer or answer of plain A-law. */
export const plainSdp = (address: string, port = 6000): string =>
  [
    'v=0',
    `o=raw 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 8 101`,
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=sendrecv',
    '',
  ].join('\r\n');
