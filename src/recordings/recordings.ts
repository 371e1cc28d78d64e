import { createHash } from 'node:crypto';
import { copyFile, mkdir, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Call, RecordingInfo } from '../call/call.js';
import type { Recordings } from '../call/deps.js';
import { NO_RECORDING } from '../call/document.js';
import { toError } from '../lib/deadline.js';
import { readWavLayout, repairWavHeader, type WavLayout } from './wav.js';

export interface RecordingOptions {
  /** Where FreeSWITCH writes, as we see it. */
  spool: string;
  /** Where finished recordings are kept: `<site>/<yyyy>/<mm>/<dd>/<call>.wav`. */
  directory: string;
  logger: Logger;
}

const CHUNK_BYTES = 256 * 1024;
/** What the dialplan records: the caller's side is read from his leg, the business's is what is sent to him. */
const CHANNELS = ['caller', 'business'];
/** Peak below which a whole channel counts as silent: comfort noise stays under it, breathing does not. */
const SILENCE_PEAK = 64;
/** Recording begins with the bridge, some 100 ms after the answer, and ends by whole packets. */
const LENGTH_TOLERANCE_SECONDS = 0.5;
const LENGTH_TOLERANCE_SHARE = 0.02;

/** Turns what FreeSWITCH left in its spool into a recording whose length, hash and channels are known. */
export class DiskRecordings implements Recordings {
  constructor(private readonly options: RecordingOptions) {}

  async prepare(): Promise<void> {
    await mkdir(this.options.spool, { recursive: true });
    await mkdir(this.options.directory, { recursive: true });
  }

  async settle(call: Call, wanted: boolean): Promise<RecordingInfo> {
    if (!wanted) return { ...NO_RECORDING, status: 'absent', reason: 'not_wanted' };
    try {
      return await this.#settle(call);
    } catch (error) {
      this.options.logger.error({ err: toError(error), callId: call.id }, 'recording not settled');
      return { ...NO_RECORDING, status: 'failed', reason: reasonOf(error) };
    }
  }

  async #settle(call: Call): Promise<RecordingInfo> {
    const spooled = path.join(this.options.spool, `${call.id}.wav`);
    const measured = await measure(spooled);
    if (!measured) return { ...NO_RECORDING, status: 'failed', reason: 'not_a_wav' };
    const { layout, bytes, sha256, peaks } = measured;
    const durationSeconds = layout.dataBytes / layout.frameBytes / layout.sampleRate;
    if (durationSeconds === 0) return await this.#empty(spooled, call);
    const file = recordingName(call);
    await moveFile(spooled, path.join(this.options.directory, file));
    const channels = layout.channelCount === 2 ? CHANNELS : ['both'];
    return {
      status: 'ready',
      reason: isShort(durationSeconds, call.durations.talkSeconds) ? 'shorter_than_talk' : null,
      file,
      bytes,
      sha256,
      durationSeconds: Math.round(durationSeconds * 1000) / 1000,
      sampleRate: layout.sampleRate,
      channels,
      silentChannels: channels.filter((_, index) => (peaks[index] ?? 0) < SILENCE_PEAK),
    };
  }

  /** A talk ended before the first packet leaves a file without a sample. */
  async #empty(spooled: string, call: Call): Promise<RecordingInfo> {
    await unlink(spooled);
    const tooShort = call.durations.talkSeconds < LENGTH_TOLERANCE_SECONDS;
    return { ...NO_RECORDING, status: tooShort ? 'absent' : 'failed', reason: tooShort ? 'too_short' : 'empty_file' };
  }
}

function isShort(recorded: number, talked: number): boolean {
  return talked - recorded > Math.max(LENGTH_TOLERANCE_SECONDS, talked * LENGTH_TOLERANCE_SHARE);
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'no_file' : `io_${(code ?? 'error').toLowerCase()}`;
}

/** The site's id is letters, digits, dot, dash and underscore by the configuration's check, the call's id is ours. */
function recordingName(call: Call): string {
  const day = call.startedAt.slice(0, 10).split('-');
  return path.join(call.site ?? 'unknown', ...day, `${call.id}.wav`);
}

interface Measured {
  layout: WavLayout;
  bytes: number;
  sha256: string;
  /** Largest sample of each channel. */
  peaks: number[];
}

async function measure(name: string): Promise<Measured | null> {
  const file = await open(name, 'r+');
  try {
    const { size } = await file.stat();
    const layout = await readWavLayout(file, size);
    if (!layout) return null;
    if (layout.headerStale) await repairWavHeader(file, layout);
    return { layout, bytes: size, ...(await hashAndPeaks(file, layout)) };
  } finally {
    await file.close();
  }
}

async function hashAndPeaks(file: FileHandle, layout: WavLayout): Promise<{ sha256: string; peaks: number[] }> {
  const hash = createHash('sha256');
  const peaks = new Array<number>(layout.channelCount).fill(0);
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    notePeaks(chunk, bytesRead, position, layout, peaks);
    position += bytesRead;
  }
  return { sha256: hash.digest('hex'), peaks };
}

/** Every frame's samples that lie whole in this chunk; a frame cut by its edge changes no peak that matters. */
function notePeaks(chunk: Buffer, bytes: number, position: number, layout: WavLayout, peaks: number[]): void {
  const { dataOffset, frameBytes, channelCount } = layout;
  const intoFrame = Math.max(0, position - dataOffset) % frameBytes;
  let at = position < dataOffset ? dataOffset - position : (frameBytes - intoFrame) % frameBytes;
  for (; at + frameBytes <= bytes; at += frameBytes) {
    for (let channel = 0; channel < channelCount; channel++) {
      const sample = Math.abs(chunk.readInt16LE(at + channel * 2));
      if (sample > (peaks[channel] ?? 0)) peaks[channel] = sample;
    }
  }
}

/** Rename, or copy where the spool is another disk: the spooled file goes only when the copy has its size. */
async function moveFile(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyFile(from, to);
    if ((await stat(to)).size !== (await stat(from)).size) throw new Error('copy differs in size', { cause: error });
    await unlink(from);
  }
}
