import { randomUUID } from 'node:crypto';
import { HeaderList } from '../sip/index.js';
import type { SipMessage } from '../sip/index.js';

/** drachtio-server reads a length of at most five digits, and drops a client that sends another. */
const LENGTH_DIGITS = 5;

/** The ring that the real server reads into; of a longer message it loses the beginning, and then hears nothing more. */
const RING_BYTES = 12_228;

/** A client broke the framing; its connection cannot be read on. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** Cuts `<bytes>#<message>` out of a stream; the length counts bytes of UTF-8. */
export class WireFramer {
  #buffer: Buffer = Buffer.alloc(0);

  /** @throws WireError on a length that is none. */
  push(chunk: Buffer): string[] {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const messages: string[] = [];
    for (let message = this.#next(); message !== undefined; message = this.#next()) messages.push(message);
    return messages;
  }

  #next(): string | undefined {
    const head = this.#buffer.toString('latin1', 0, LENGTH_DIGITS + 1);
    const match = /^(\d{1,5})#/.exec(head);
    if (!match) {
      if (/^\d{0,5}$/.test(head)) return undefined;
      throw new WireError('invalid message length specifier');
    }
    const start = match[0].length;
    const end = start + Number(match[1]);
    if (end > RING_BYTES) throw new WireError('message longer than the server can read');
    if (this.#buffer.length < end) return undefined;
    const message = this.#buffer.toString('utf8', start, end);
    this.#buffer = this.#buffer.subarray(end);
    return message;
  }
}

export const frame = (message: string): string => `${Buffer.byteLength(message)}#${message}`;

/** The SIP part of what an application sends: headers as it wrote them, most of them missing. */
export interface AppSip {
  startLine: string;
  headers: HeaderList;
  body: string;
}

/** `<id>|<type>|<args...>` and, for `sip`, what follows after CRLF. */
export interface AppMessage {
  id: string;
  type: string;
  args: string[];
  sip: AppSip;
}

export function parseAppMessage(text: string): AppMessage {
  const [lead, rest] = cut(text, '\r\n');
  const [id = '', type = '', ...args] = lead.split('|');
  const [head, body = ''] = cut(rest ?? '', '\r\n\r\n');
  const [startLine = '', ...lines] = head.split('\r\n');
  const headers = new HeaderList();
  for (const line of lines) {
    const [name, value] = cut(line, ':');
    if (value !== undefined && /^[\w\-.!%*+`'~]+$/.test(name.trim())) headers.append(name.trim(), value.trim());
  }
  return { id, type, args, sip: { startLine, headers, body } };
}

/** Who sent a message and which way it went: the tokens in front of every SIP message. */
export interface Envelope {
  source: 'network' | 'application';
  protocol: string;
  address: string;
  port: number;
}

/** `source|bytes|protocol|address|port|HH:MM:SS.uuuuuu` */
export function describe(envelope: Envelope, message: SipMessage): string {
  const { source, protocol, address, port } = envelope;
  const time = new Date().toISOString().slice(11, 23);
  return `${source}|${Buffer.byteLength(message.toString())}|${protocol}|${address}|${port}|${time}000`;
}

/** A SIP message for an application. `dialogId` is '' where there is none yet; `receivedOn` comes with new requests only. */
export function sipToApp(
  envelope: Envelope,
  message: SipMessage,
  ids: { transactionId: string; dialogId: string; receivedOn?: { address: string; port: number } },
): string {
  const receivedOn = ids.receivedOn ? `${ids.receivedOn.address}|${ids.receivedOn.port}|` : '';
  const tokens = `${randomUUID()}|sip|${describe(envelope, message)}|${ids.transactionId}|${ids.dialogId}|${receivedOn}`;
  return `${tokens}\r\n${message.toString()}`;
}

export function reply(id: string, result: 'OK' | 'NO' | 'NOK', detail?: string): string {
  return `${randomUUID()}|response|${id}|${result}${detail === undefined ? '' : `|${detail}`}`;
}

function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
