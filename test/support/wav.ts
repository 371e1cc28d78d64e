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

/** What is in a recording. The first and last fifth are left out of the tones: there one side may not yet speak. */
export async function listen(file: string, frequenciesHz: number[] = [CALLER_HZ, BUSINESS_HZ]): Promise<Heard> {
  const wav = await readWav(file);
  const from = Math.floor(wav.frames / 5);
  return {
    seconds: wav.frames / wav.sampleRate,
    sampleRate: wav.sampleRate,
    tones: wav.channels.map((samples) => dominantTone(samples.subarray(from, wav.frames - from), frequenciesHz)),
  };
}
