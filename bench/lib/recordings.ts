import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FilePieces } from '../../src/recordings/file-pieces.js';
import { readWavLayout } from '../../src/recordings/wav.js';

/** A recording may be shorter or longer than the talk by so much. */
const TOLERANCE = 0.02;

export interface RecordingCount {
  expected: number;
  files: number;
  /** Talks without a file of two channels that holds samples. */
  missing: number;
  /** Files whose length differs from the talk's by more than 2 %. */
  off: number;
  /** Largest difference, as a share of the talk. */
  worst: number;
}

/** Seconds of sound in a stereo WAV file at 8 kHz; null where it is not one, or empty. */
export async function wavSeconds(name: string): Promise<number | null> {
  let file;
  try {
    file = await open(name);
  } catch {
    return null;
  }
  try {
    const layout = await readWavLayout(await FilePieces.of(file));
    if (layout?.channelCount !== 2 || layout.sampleRate !== 8000 || layout.dataBytes === 0) return null;
    return layout.dataBytes / layout.frameBytes / layout.sampleRate;
  } finally {
    await file.close();
  }
}

/** Each talk with the length of its recording, or null where there is none. */
export function countRecordings(talks: { talkSeconds: number; recordedSeconds: number | null }[]): RecordingCount {
  const count: RecordingCount = { expected: talks.length, files: 0, missing: 0, off: 0, worst: 0 };
  for (const { talkSeconds, recordedSeconds } of talks) {
    if (recordedSeconds === null) {
      count.missing += 1;
      continue;
    }
    count.files += 1;
    const difference = (recordedSeconds - talkSeconds) / talkSeconds;
    if (Math.abs(difference) > Math.abs(count.worst)) count.worst = difference;
    if (Math.abs(difference) > TOLERANCE) count.off += 1;
  }
  return count;
}

/** Lengths of all WAV files in `folder`, which is emptied; null for those that hold no sound. */
export async function takeRecordings(folder: string): Promise<(number | null)[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wav'));
  const lengths = await Promise.all(names.map((name) => wavSeconds(join(folder, name))));
  await Promise.all(names.map((name) => rm(join(folder, name))));
  return lengths;
}
