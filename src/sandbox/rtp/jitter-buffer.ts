import { FRAME_SAMPLES } from './packet.js';

const PREFILL_SAMPLES = 2 * FRAME_SAMPLES;
/** 2 s: what comes at once when this process has stood still. */
const CAPACITY_FRAMES = 100;
const CAPACITY = CAPACITY_FRAMES * FRAME_SAMPLES;
/** More than this waits only after a stall; keeping it would leave the talk late for the rest of the call. */
const MAX_WAITING = 20 * FRAME_SAMPLES;
/** A lost packet or two are filled with silence; a longer jump of the timestamp is a pause or another source. */
const MAX_CONCEALED = 10 * FRAME_SAMPLES;

/**
 * Turns packets of any length into one 20 ms frame a tick. When nothing is there it gives silence, so what
 * is recorded from it lasts as long as the clock ran, whatever was lost on the way.
 */
export class JitterBuffer {
  readonly #ring = new Int16Array(CAPACITY);
  #read = 0;
  #waiting = 0;
  #filling = true;
  /** Ticks in a row behind which too much still waited. */
  #lateTicks = 0;
  #expected: number | undefined;
  #ssrc: number | undefined;
  /** Silence given out since the last packet: that much of a timestamp gap has already been heard as a gap. */
  #silentSamples = 0;

  /** Where the samples of a packet go; undefined for one that comes too late. */
  push(samples: Int16Array, count: number, timestamp: number, ssrc: number): void {
    if (ssrc !== this.#ssrc) {
      this.#ssrc = ssrc;
      this.#expected = undefined;
    }
    if (this.#expected !== undefined) {
      const gap = (timestamp - this.#expected) | 0;
      if (gap < 0 && gap > -8000) return;
      if (gap > 0 && gap <= MAX_CONCEALED) this.#appendSilence(Math.max(0, gap - this.#silentSamples));
    }
    this.#expected = (timestamp + count) >>> 0;
    this.#silentSamples = 0;
    for (let i = 0; i < count; i++) this.#append(samples[i] ?? 0);
  }

  /** Fills one frame; false when it is silence because nothing had come. */
  pull(frame: Int16Array): boolean {
    if (this.#filling && this.#waiting >= PREFILL_SAMPLES) this.#filling = false;
    if (this.#filling || this.#waiting < FRAME_SAMPLES) {
      this.#filling = true;
      this.#silentSamples += FRAME_SAMPLES;
      frame.fill(0);
      return false;
    }
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      frame[i] = this.#ring[this.#read] ?? 0;
      this.#read = (this.#read + 1) % CAPACITY;
    }
    this.#waiting -= FRAME_SAMPLES;
    this.#trim();
    return true;
  }

  clear(): void {
    this.#waiting = 0;
    this.#lateTicks = 0;
    this.#filling = true;
    this.#expected = undefined;
  }

  #append(sample: number): void {
    this.#ring[(this.#read + this.#waiting) % CAPACITY] = sample;
    if (this.#waiting < CAPACITY) this.#waiting += 1;
    else this.#read = (this.#read + 1) % CAPACITY;
  }

  #appendSilence(count: number): void {
    for (let i = 0; i < count; i++) this.#append(0);
  }

  /**
   * Not before the ticks could have taken up all that fits in: where this process has stood still, those that are due come
   * right behind the packets and take them up, and what was cut off would be missing to them.
   */
  #trim(): void {
    this.#lateTicks = this.#waiting > MAX_WAITING ? this.#lateTicks + 1 : 0;
    if (this.#lateTicks < CAPACITY_FRAMES) return;
    this.#lateTicks = 0;
    const surplus = this.#waiting - PREFILL_SAMPLES;
    this.#read = (this.#read + surplus) % CAPACITY;
    this.#waiting -= surplus;
  }
}
