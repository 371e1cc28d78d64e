/** Tones: making them for callers that must be told apart, and finding them again in a recording. */
import { SAMPLE_RATE } from './packet.js';

const MAX_AMPLITUDE = 32767;

/** A continuous sum of sines; phases run on from frame to frame, so that no frame border clicks. */
export class ToneGenerator {
  readonly #phases: Float64Array;
  readonly #steps: Float64Array;
  readonly #amplitude: number;

  /** `level` is the peak of the sum, 0 to 1. */
  constructor(frequenciesHz: readonly number[], level = 0.5) {
    this.#phases = new Float64Array(frequenciesHz.length);
    this.#steps = Float64Array.from(frequenciesHz, (hz) => (2 * Math.PI * hz) / SAMPLE_RATE);
    this.#amplitude = frequenciesHz.length === 0 ? 0 : (MAX_AMPLITUDE * level) / frequenciesHz.length;
  }

  fill(target: Int16Array): void {
    for (let i = 0; i < target.length; i++) {
      let sum = 0;
      for (let f = 0; f < this.#steps.length; f++) {
        const phase = this.#phases[f] ?? 0;
        sum += Math.sin(phase);
        this.#phases[f] = (phase + (this.#steps[f] ?? 0)) % (2 * Math.PI);
      }
      target[i] = Math.round(sum * this.#amplitude);
    }
  }
}

/** 0.1 s. A packet that came late shifts the phase of a tone: over a longer stretch it would cancel itself out. */
const WINDOW_SAMPLES = 800;

/** Share (0 to 1) of the energy of `samples` that lies at `frequencyHz`, in the mean over its windows; 0 in silent ones. */
export function toneShare(samples: Int16Array, frequencyHz: number): number {
  let sum = 0;
  for (let from = 0; from < samples.length; from += WINDOW_SAMPLES) {
    const window = samples.subarray(from, from + WINDOW_SAMPLES);
    sum += window.length * shareInWindow(window, frequencyHz);
  }
  return samples.length === 0 ? 0 : sum / samples.length;
}

/** By Goertzel's algorithm. */
function shareInWindow(samples: Int16Array, frequencyHz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / SAMPLE_RATE);
  let previous = 0;
  let beforeThat = 0;
  let energy = 0;
  for (const sample of samples) {
    const current = sample + coefficient * previous - beforeThat;
    beforeThat = previous;
    previous = current;
    energy += sample * sample;
  }
  if (energy === 0) return 0;
  const power = previous * previous + beforeThat * beforeThat - coefficient * previous * beforeThat;
  return Math.min(1, (2 * power) / (samples.length * energy));
}

/** Root mean square of `samples`, 0 to 32767: how loud it is. */
export function rms(samples: Int16Array): number {
  if (samples.length === 0) return 0;
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  return Math.sqrt(energy / samples.length);
}

/** Which of `frequenciesHz` fills `samples` for more than half; undefined when none does or it is quiet. */
export function dominantTone(samples: Int16Array, frequenciesHz: readonly number[]): number | undefined {
  if (rms(samples) < 100) return undefined;
  return frequenciesHz.find((hz) => toneShare(samples, hz) > 0.5);
}
