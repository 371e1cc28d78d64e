import { z } from 'zod';
import type { WavLayout } from './wav.js';

/** A second's worth of points: enough to find pauses by, few enough for a page. */
const POINTS_PER_SECOND = 10;
/** An hour of them; longer recordings get longer points. */
const MAX_POINTS = 36_000;
const FULL = 32_768;

export const peaksSchema = z.object({
  version: z.literal(1),
  durationSeconds: z.number(),
  /** How much of the sound one point stands for. */
  secondsPerPoint: z.number(),
  /** What each channel holds. */
  channels: z.array(z.string()),
  /** For each channel its points: the loudest sample, 0 to 255. */
  peaks: z.array(z.array(z.int().min(0).max(255))),
});
/** The waveform of a recording. */
export type Peaks = z.output<typeof peaksSchema>;

/** Finds the loudest sample of each point while the samples go by. */
export class PeakMeter {
  /** Largest sample of each channel so far, 0 to 32,768. */
  readonly highest: number[];
  readonly #points: Uint8Array[];
  readonly #framesPerPoint: number;
  readonly #current: number[];
  #framesInPoint = 0;
  #count = 0;

  constructor(private readonly layout: WavLayout) {
    const frames = layout.dataBytes / layout.frameBytes;
    this.#framesPerPoint = Math.max(Math.ceil(layout.sampleRate / POINTS_PER_SECOND), Math.ceil(frames / MAX_POINTS));
    const points = Math.ceil(frames / this.#framesPerPoint);
    this.#points = Array.from({ length: layout.channelCount }, () => new Uint8Array(points));
    this.#current = new Array<number>(layout.channelCount).fill(0);
    this.highest = new Array<number>(layout.channelCount).fill(0);
  }

  /** @param samples of whole frames, channel by channel within each */
  add(samples: Int16Array): void {
    const { channelCount } = this.layout;
    for (let at = 0; at < samples.length;) {
      const frames = Math.min(
        samples.length / channelCount - at / channelCount,
        this.#framesPerPoint - this.#framesInPoint,
      );
      const end = at + frames * channelCount;
      for (let channel = 0; channel < channelCount; channel++) {
        const loudest = loudestOf(samples, at + channel, end, channelCount);
        if (loudest > (this.#current[channel] ?? 0)) this.#current[channel] = loudest;
        if (loudest > (this.highest[channel] ?? 0)) this.highest[channel] = loudest;
      }
      at = end;
      this.#framesInPoint += frames;
      if (this.#framesInPoint === this.#framesPerPoint) this.#closePoint();
    }
  }

  /** @param channels what each holds */
  finish(channels: string[]): Peaks {
    if (this.#framesInPoint > 0) this.#closePoint();
    const { dataBytes, frameBytes, sampleRate } = this.layout;
    return {
      version: 1,
      durationSeconds: dataBytes / frameBytes / sampleRate,
      secondsPerPoint: this.#framesPerPoint / sampleRate,
      channels,
      peaks: this.#points.map((points) => [...points.subarray(0, this.#count)]),
    };
  }

  #closePoint(): void {
    for (const [channel, points] of this.#points.entries()) {
      const loudest = this.#current[channel] ?? 0;
      points[this.#count] = Math.ceil((loudest * 255) / FULL);
      this.#current[channel] = 0;
    }
    this.#framesInPoint = 0;
    this.#count += 1;
  }
}

function loudestOf(samples: Int16Array, from: number, end: number, step: number): number {
  let loudest = 0;
  for (let at = from; at < end; at += step) {
    const sample = samples[at] ?? 0;
    const height = sample < 0 ? -sample : sample;
    if (height > loudest) loudest = height;
  }
  return loudest;
}

/** The same waveform in `points` points a channel at most. */
export function reducePeaks(peaks: Peaks, points: number): Peaks {
  const length = peaks.peaks[0]?.length ?? 0;
  const step = Math.ceil(length / points);
  if (step <= 1) return peaks;
  const reduced = peaks.peaks.map((channel) =>
    Array.from({ length: Math.ceil(length / step) }, (_, n) => Math.max(...channel.slice(n * step, (n + 1) * step))),
  );
  return { ...peaks, secondsPerPoint: peaks.secondsPerPoint * step, peaks: reduced };
}
