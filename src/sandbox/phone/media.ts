import { FRAME_SAMPLES, SAMPLE_RATE } from '../rtp/packet.js';
import { RtpPort } from '../rtp/port.js';
import type { RtpParameters } from '../rtp/session.js';
import { RtpSession } from '../rtp/session.js';
import { sharedTicker } from '../rtp/ticker.js';
import { ToneGenerator } from '../rtp/tone.js';

/** What a phone keeps of what it hears: ten minutes, then the beginning stays. */
const MAX_HEARD_FRAMES = (600 * SAMPLE_RATE) / FRAME_SAMPLES;

/** The sound of one call: a tone or silence out, everything heard into memory. */
export class PhoneMedia {
  /** false: no packets go out, as from a phone that holds without music. */
  sends = true;
  readonly #heard: Int16Array[] = [];
  #tone: ToneGenerator | undefined;
  #digits = '';
  #started = false;
  #closing: Promise<void> | undefined;

  private constructor(private readonly session: RtpSession) {
    session.onKey = ({ digit }) => (this.#digits += digit);
  }

  static async open(address: string): Promise<PhoneMedia> {
    return new PhoneMedia(new RtpSession(await RtpPort.open(address)));
  }

  get port(): number {
    return this.session.port.port;
  }

  get packetsReceived(): number {
    return this.session.packetsReceived;
  }

  get packetsSent(): number {
    return this.session.packetsSent;
  }

  /** Keys received as RFC 4733 events, in order. */
  get digits(): string {
    return this.#digits;
  }

  /** Samples heard so far, 8000 a second; where nothing came they are 0. */
  get heardSamples(): number {
    return this.#heard.length * FRAME_SAMPLES;
  }

  /** A copy of what was heard from sample `from` on; a negative one counts from the end, as in arrays. */
  heard(from = 0): Int16Array {
    const begin = from < 0 ? Math.max(0, this.heardSamples + from) : from;
    const first = Math.floor(begin / FRAME_SAMPLES);
    const frames = this.#heard.slice(first);
    const samples = new Int16Array(frames.length * FRAME_SAMPLES);
    frames.forEach((frame, index) => samples.set(frame, index * FRAME_SAMPLES));
    return samples.subarray(begin - first * FRAME_SAMPLES);
  }

  configure(parameters: RtpParameters): void {
    this.session.configure(parameters);
    if (this.#started || this.#closing) return;
    this.#started = true;
    sharedTicker.add(this.#tick);
  }

  /** Frequencies in Hz; none = silence. */
  play(...frequenciesHz: number[]): void {
    this.#tone = frequenciesHz.length === 0 ? undefined : new ToneGenerator(frequenciesHz);
  }

  sendKeys(digits: string, durationMs?: number): void {
    this.session.sendKeys(digits, durationMs);
  }

  /** What was heard stays. */
  async close(): Promise<void> {
    sharedTicker.delete(this.#tick);
    this.#closing ??= this.session.close();
    await this.#closing;
  }

  #next(): Int16Array {
    const frame = new Int16Array(FRAME_SAMPLES);
    this.#tone?.fill(frame);
    return frame;
  }

  readonly #tick = (): void => {
    const heard = new Int16Array(FRAME_SAMPLES);
    this.session.pull(heard);
    if (this.#heard.length < MAX_HEARD_FRAMES) this.#heard.push(heard);
    this.session.push(this.sends ? this.#next() : undefined);
  };
}
