import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Recording } from '../../../src/sandbox/freeswitch/recording.js';
import { FRAME_SAMPLES } from '../../../src/sandbox/rtp/packet.js';
import { readWav } from '../../../src/sandbox/rtp/wav-reader.js';

/** First samples of the frames in a file into which `frames` of them were written, each numbered from 1. */
async function recorded(frames: number, preBufferFrames: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-recording-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'a.wav');
  const recording = await Recording.start(path, {
    ...{ stereo: true, bridgeRequired: false, minSeconds: 0, preBufferFrames, limitSeconds: 0 },
    ...{ isBridged: () => true, onLimit: () => undefined },
  });
  const frame = new Int16Array(FRAME_SAMPLES);
  for (let n = 1; n <= frames; n += 1) recording.write(frame.fill(n), frame, false);
  await recording.stop('success-silence');
  const [left = new Int16Array(0)] = (await readWav(path)).channels;
  return Array.from({ length: left.length / FRAME_SAMPLES }, (_, i) => left[i * FRAME_SAMPLES] ?? 0);
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

test.each([
  ['what is kept back is lost where nothing comes after it', 26, 25, [1]],
  ['and written where something does', 27, 25, upTo(27)],
  ['nothing is kept back', 5, 0, upTo(5)],
])('%s', async (_what, frames, preBufferFrames, expected) => {
  expect(await recorded(frames, preBufferFrames)).toEqual(expected);
});
