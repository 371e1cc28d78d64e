import { LIMITS } from './parse.js';

export type Frame =
  | { kind: 'message'; data: Buffer }
  /** CRLFCRLF: the other side asks whether we are there (RFC 5626 4.4.1). */
  | { kind: 'ping' }
  /** The stream cannot be read on: where the next message begins is unknown. `data` is its head, if there is one. */
  | { kind: 'broken'; reason: string; data: Buffer };

const CRLF = Buffer.from('\r\n');
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** Cuts a TCP stream into SIP messages by Content-Length (RFC 3261 18.3). One per connection. */
export class StreamFramer {
  #buffer: Buffer = Buffer.alloc(0);
  #broken = false;

  push(chunk: Buffer): Frame[] {
    if (this.#broken) return [];
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      frames.push(frame);
      if (frame.kind === 'broken') {
        this.#broken = true;
        this.#buffer = Buffer.alloc(0);
        break;
      }
    }
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#startsWith(END_OF_HEAD)) {
      this.#buffer = this.#buffer.subarray(END_OF_HEAD.length);
      return { kind: 'ping' };
    }
    // A single CRLF is a pong, or an empty line before a message; half a ping waits for its other half.
    if (this.#buffer.length > 2 && this.#buffer[2] !== 0x0d && this.#startsWith(CRLF)) {
      this.#buffer = this.#buffer.subarray(CRLF.length);
    }
    return this.#buffer[0] === 0x0d ? undefined : this.#nextMessage();
  }

  #nextMessage(): Frame | undefined {
    const end = this.#buffer.indexOf(END_OF_HEAD);
    if (end < 0) return this.#buffer.length > LIMITS.messageBytes ? this.#break('header too large') : undefined;
    const head = this.#buffer.toString('latin1', 0, end);
    const length = contentLength(head);
    if (length === undefined) return this.#break('Content-Length');
    const total = end + END_OF_HEAD.length + length;
    if (total > LIMITS.messageBytes) return this.#break('message too large');
    if (this.#buffer.length < total) return undefined;
    const data = this.#buffer.subarray(0, total);
    this.#buffer = this.#buffer.subarray(total);
    return { kind: 'message', data };
  }

  #break(reason: string): Frame {
    return { kind: 'broken', reason, data: this.#buffer };
  }

  #startsWith(prefix: Buffer): boolean {
    return this.#buffer.length >= prefix.length && this.#buffer.subarray(0, prefix.length).equals(prefix);
  }
}

/** 0 when there is none, undefined when it cannot be read. */
function contentLength(head: string): number | undefined {
  const field = /^(?:content-length|l)[ \t]*:[ \t]*(.*?)[ \t]*$/im.exec(head);
  if (!field) return 0;
  return /^\d{1,9}$/.test(field[1] ?? '') ? Number(field[1]) : undefined;
}
