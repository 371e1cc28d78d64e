/** Key presses in RTP (RFC 4733 telephone-event). */
import { FRAME_SAMPLES } from './packet.js';

const DIGITS = '0123456789*#ABCD';
export const TELEPHONE_EVENT_BYTES = 4;
/** RFC 4733 section 2.5.1.4: the end packet goes out three times, since nothing else tells that the key is up. */
const END_REPEATS = 3;
const VOLUME = 10;

export interface KeyPress {
  digit: string;
  /** In timestamp units: samples at 8 kHz. */
  duration: number;
}

/** Tells key presses from a stream of event packets: one report a press, when its first end packet comes. */
export class TelephoneEventReceiver {
  #reported: number | undefined;

  /** `timestamp` is the RTP timestamp, the same in all packets of one press. */
  receive(payload: Buffer, offset: number, timestamp: number): KeyPress | undefined {
    if (payload.length < offset + TELEPHONE_EVENT_BYTES) return undefined;
    const digit = DIGITS[payload.readUInt8(offset)];
    const ended = (payload.readUInt8(offset + 1) & 0x80) !== 0;
    if (digit === undefined || !ended || this.#reported === timestamp) return undefined;
    this.#reported = timestamp;
    return { digit, duration: payload.readUInt16BE(offset + 2) };
  }
}

interface EventPacket {
  marker: boolean;
  /** Samples from the start of the press. */
  duration: number;
  ended: boolean;
  octets: Buffer;
}

/** Turns queued digits into one event packet a tick. */
export class TelephoneEventSender {
  readonly #queue: { code: number; samples: number }[] = [];
  #elapsed = 0;
  #endsSent = 0;
  readonly #octets = Buffer.alloc(TELEPHONE_EVENT_BYTES);

  /** Queues a key press; unknown characters are left out. */
  press(digit: string, durationMs = 100): void {
    const code = DIGITS.indexOf(digit.toUpperCase());
    if (code >= 0 && digit.length === 1) this.#queue.push({ code, samples: Math.max(FRAME_SAMPLES, durationMs * 8) });
  }

  get busy(): boolean {
    return this.#queue.length > 0;
  }

  /** True when the next packet begins a press: the RTP timestamp is then frozen for it. */
  get starting(): boolean {
    return this.#elapsed === 0 && this.#endsSent === 0;
  }

  /** The packet of this tick; undefined when no key is pressed. */
  next(): EventPacket | undefined {
    const current = this.#queue[0];
    if (current === undefined) return undefined;
    const marker = this.starting;
    this.#elapsed = Math.min(current.samples, this.#elapsed + FRAME_SAMPLES);
    const ended = this.#elapsed >= current.samples;
    if (ended) this.#endsSent += 1;
    this.#octets.writeUInt8(current.code, 0);
    this.#octets.writeUInt8((ended ? 0x80 : 0) | VOLUME, 1);
    this.#octets.writeUInt16BE(Math.min(0xffff, this.#elapsed), 2);
    const packet = { marker, duration: this.#elapsed, ended, octets: this.#octets };
    if (this.#endsSent === END_REPEATS) this.#finish();
    return packet;
  }

  #finish(): void {
    this.#queue.shift();
    this.#elapsed = 0;
    this.#endsSent = 0;
  }
}
