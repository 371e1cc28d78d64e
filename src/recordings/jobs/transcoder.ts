import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RecordingFormat } from '../../config/parts/recordings.js';

/** The two sides stay apart: whoever listens mutes one of them. */
const ENCODERS: Record<Exclude<RecordingFormat, 'wav'>, string[]> = {
  opus: ['-c:a', 'libopus', '-b:a', '48k', '-application', 'voip', '-f', 'ogg'],
  mp3: ['-c:a', 'libmp3lame', '-b:a', '64k', '-joint_stereo', '0', '-f', 'mp3'],
};
const NICENESS = 10;
const DEADLINE_MS = 60_000;
/** ffmpeg encodes speech a hundred times faster than it was said; a loaded machine ten times. */
const DEADLINE_SHARE = 0.2;
const MAX_COMPLAINT = 500;

export interface Transcoded {
  bytes: number;
  sha256: string;
}

/**
 * Turns a WAV into another format by ffmpeg, through pipes: nothing that is encrypted at rest is written in the clear.
 * @param keep writes what comes out
 * @param signal kills ffmpeg
 * @throws where ffmpeg is missing, fails, or takes longer than a fifth of the recording and a minute
 */
export async function transcode(
  format: Exclude<RecordingFormat, 'wav'>,
  wav: Readable,
  durationSeconds: number,
  keep: (content: AsyncIterable<Buffer>) => Promise<void>,
  signal: AbortSignal,
): Promise<Transcoded> {
  const deadline = AbortSignal.timeout(DEADLINE_MS + durationSeconds * 1000 * DEADLINE_SHARE);
  const args = ['-hide_banner', '-loglevel', 'error', '-f', 'wav', '-i', 'pipe:0', '-map_metadata', '-1'];
  const ffmpeg = spawn('ffmpeg', [...args, ...ENCODERS[format], 'pipe:1'], { stdio: 'pipe', killSignal: 'SIGKILL' });
  const kill = () => ffmpeg.kill('SIGKILL');
  for (const reason of [signal, deadline]) reason.addEventListener('abort', kill, { once: true });
  let complaint = '';
  ffmpeg.stderr.on('data', (text: Buffer) => (complaint = (complaint + text.toString()).slice(-MAX_COMPLAINT)));
  try {
    const ended = once(ffmpeg, 'close') as Promise<[number | null]>;
    if (ffmpeg.pid !== undefined) setPriority(ffmpeg.pid, NICENESS);
    if (signal.aborted) kill();
    // It may stop reading before the end: what it says by its status is the cause, not the broken pipe.
    const fed = pipeline(wav, ffmpeg.stdin).catch(() => undefined);
    const seen = { hash: createHash('sha256'), bytes: 0 };
    const [[status]] = await Promise.all([ended, fed, keep(counted(ffmpeg.stdout, seen, ended))]);
    if (status !== 0 || seen.bytes === 0) throw new Error(`ffmpeg ended with ${String(status)}: ${complaint}`);
    return { bytes: seen.bytes, sha256: seen.hash.digest('hex') };
  } finally {
    for (const reason of [signal, deadline]) reason.removeEventListener('abort', kill);
    kill();
    wav.destroy();
  }
}

/** Passes on what comes out; where ffmpeg fails the file is not finished under its name. */
async function* counted(
  out: Readable,
  seen: { hash: ReturnType<typeof createHash>; bytes: number },
  ended: Promise<[number | null]>,
): AsyncGenerator<Buffer> {
  for await (const piece of out as AsyncIterable<Buffer>) {
    seen.hash.update(piece);
    seen.bytes += piece.length;
    yield piece;
  }
  const [status] = await ended;
  if (status !== 0) throw new Error('ffmpeg failed');
}
