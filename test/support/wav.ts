import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import { readWav } from '../../src/sandbox/rtp/wav-reader.js';

/** Tones that the sides of a test call speak in: far from each other and from each other's harmonics. */
export const CALLER_HZ = 440;
export const BUSINESS_HZ = 1130;

export interface Heard {
  seconds: number;
  sampleRate: number;
  /** For each channel, left first: the tone heard in the middle of the recording, in Hz. */
  tones: (number | undefined)[];
}

/** A tenth of a second: a packet that came late shifts the phase of a tone, and a longer window would not find it then. */
const WINDOW_SAMPLES = 800;
/** Share of the windows in which a channel's tone must be heard. */
const CONSTANT = 0.75;

/** What is in a recording. The first and last fifth are left out of the tones: there one side may not yet speak. */
export async function listen(file: string, frequenciesHz: number[] = [CALLER_HZ, BUSINESS_HZ]): Promise<Heard> {
  const wav = await readWav(file);
  const from = Math.floor(wav.frames / 5);
  return {
    seconds: wav.frames / wav.sampleRate,
    sampleRate: wav.sampleRate,
    tones: wav.channels.map((samples) => constantTone(samples.subarray(from, wav.frames - from), frequenciesHz)),
  };
}

function constantTone(samples: Int16Array, frequenciesHz: number[]): number | undefined {
  const windows = Math.floor(samples.length / WINDOW_SAMPLES);
  const heard = Array.from({ length: windows }, (_, i) =>
    dominantTone(samples.subarray(i * WINDOW_SAMPLES, (i + 1) * WINDOW_SAMPLES), frequenciesHz),
  );
  return frequenciesHz.find((hz) => heard.filter((tone) => tone === hz).length > windows * CONSTANT);
}

/** The longest stretch in which every channel is silent to the last bit, as FreeSWITCH writes what is masked; in seconds. */
export async function longestSilence(file: string): Promise<[from: number, to: number]> {
  const { channels, frames, sampleRate } = await readWav(file);
  let longest: [number, number] = [0, 0];
  let from = 0;
  for (let at = 0; at < frames; at++) {
    if (channels.some((samples) => samples[at] !== 0)) from = at + 1;
    else if (at + 1 - from > longest[1] - longest[0]) longest = [from, at + 1];
  }
  return [longest[0] / sampleRate, longest[1] / sampleRate];
}
