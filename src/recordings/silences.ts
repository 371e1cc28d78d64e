import type { WavLayout } from './wav.js';

/** A part of a recording, in seconds from its beginning. */
export interface Stretch {
  fromSeconds: number;
  toSeconds: number;
}

/** What is shorter is no mask of anybody's. */
const SHORTEST_SECONDS = 0.1;

/** Finds where every channel is zero while the samples go by: so FreeSWITCH writes what is masked. */
export class SilenceFinder {
  readonly #found: Stretch[] = [];
  readonly #shortest: number;
  #seen = 0;
  /** Samples since the last one that was not zero. */
  #zeros = 0;

  constructor(private readonly layout: WavLayout) {
    this.#shortest = SHORTEST_SECONDS * layout.sampleRate * layout.channelCount;
  }

  add(samples: Int16Array): void {
    let zeros = this.#zeros;
    for (let at = 0; at < samples.length; at++) {
      if (samples[at] === 0) zeros += 1;
      else {
        if (zeros >= this.#shortest) this.#note(this.#seen + at, zeros);
        zeros = 0;
      }
    }
    this.#zeros = zeros;
    this.#seen += samples.length;
  }

  finish(): Stretch[] {
    if (this.#zeros >= this.#shortest) this.#note(this.#seen, this.#zeros);
    this.#zeros = 0;
    return this.#found;
  }

  /** Of whole frames: a channel may have begun before the others. */
  #note(end: number, zeros: number): void {
    const { channelCount, sampleRate } = this.layout;
    const seconds = (samples: number): number => samples / channelCount / sampleRate;
    const from = Math.ceil((end - zeros) / channelCount) * channelCount;
    this.#found.push({ fromSeconds: seconds(from), toSeconds: seconds(end - (end % channelCount)) });
  }
}
