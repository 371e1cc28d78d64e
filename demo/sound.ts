import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rms, toneShare } from '../src/sandbox/rtp/tone.js';
import { parseWav } from '../src/sandbox/rtp/wav-reader.js';

/** A tenth of a second: a packet that came late shifts a tone's phase, and a long window would find nothing. */
const WINDOW = 800;
const QUIET = 100;
/** Windows in which the frequency is looked for, however long the talk. */
const MOST_LOOKED_AT = 9;
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
  if (loud.length === 0) return { hz: null, share: 0 };
  const { hz } = clearestTone(loud);
  return { hz, share: loud.filter((window) => toneShare(window, hz) > 0.9).length / windows.length };
}

interface Tone {
  hz: number;
  /** Of the window's energy, 0 to 1. */
  share: number;
}

/** By the window that it fills best: one in which its phase is shifted shows it some Hz off. */
function clearestTone(windows: readonly Int16Array[]): Tone {
  const step = Math.ceil(windows.length / MOST_LOOKED_AT);
  const tones = windows.filter((_, i) => i % step === 0).map(strongestTone);
  return tones.reduce((best, tone) => (tone.share > best.share ? tone : best));
}

/** To 1 Hz: first by steps of half the window's resolution, then around the best of them. */
function strongestTone(window: Int16Array): Tone {
  const { hz } = strongest(window, LOWEST_HZ, HIGHEST_HZ, 5);
  return strongest(window, hz - 5, hz + 5, 1);
}

function strongest(window: Int16Array, from: number, to: number, step: number): Tone {
  let best = { hz: from, share: 0 };
  for (let hz = from; hz <= to; hz += step) {
    const share = toneShare(window, hz);
    if (share > best.share) best = { hz, share };
  }
  return best;
}
