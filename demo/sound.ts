import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rms, toneShare } from '../src/sandbox/rtp/tone.js';
import { parseWav } from '../src/sandbox/rtp/wav-reader.js';

/** A tenth of a second: a packet that came late shifts a tone's phase, and a long window would find nothing. */
const WINDOW = 800;
const QUIET = 100;
const LOWEST_HZ = 200;
const HIGHEST_HZ = 3400;

/** What is to be heard: the loudest single frequency (not looked for but found), and in how much of the time. */
export interface Heard {
  /** null for silence. */
  hz: number | null;
  /** Share (0 to 1) of the tenths of a second in which it is nearly all there is. */
  share: number;
}

export interface HeardRecording {
  seconds: number;
  sampleRate: number;
  sha256: string;
  /** Left, right. */
  channels: Heard[];
}

export async function listenTo(file: string): Promise<HeardRecording> {
  const octets = await readFile(file);
  const { sampleRate, channels, frames } = parseWav(octets);
  return {
    seconds: frames / sampleRate,
    sampleRate,
    sha256: createHash('sha256').update(octets).digest('hex'),
    channels: channels.map(hear),
  };
}

/** 8000 samples a second. */
export function hear(samples: Int16Array): Heard {
  const windows: Int16Array[] = [];
  for (let at = 0; at + WINDOW <= samples.length; at += WINDOW) windows.push(samples.subarray(at, at + WINDOW));
  const loud = windows.filter((window) => rms(window) > QUIET);
  const middle = loud[Math.floor(loud.length / 2)];
  if (middle === undefined) return { hz: null, share: 0 };
  const hz = strongestFrequency(middle);
  return { hz, share: loud.filter((window) => toneShare(window, hz) > 0.9).length / windows.length };
}

/** To 1 Hz: first by steps of half the window's resolution, then around the best of them. */
function strongestFrequency(window: Int16Array): number {
  const coarse = strongest(window, LOWEST_HZ, HIGHEST_HZ, 5);
  return strongest(window, coarse - 5, coarse + 5, 1);
}

function strongest(window: Int16Array, from: number, to: number, step: number): number {
  let best = from;
  let bestShare = 0;
  for (let hz = from; hz <= to; hz += step) {
    const share = toneShare(window, hz);
    if (share > bestShare) [best, bestShare] = [hz, share];
  }
  return best;
}
