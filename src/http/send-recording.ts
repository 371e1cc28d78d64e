import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import type { RecordingFormat } from '../config/parts/recordings.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { Here, RecordingArchive } from '../recordings/archive.js';
import type { StoredFile } from '../recordings/manifest.js';
import { matches, rangeHolds, readByteRange, type ByteRange } from './byte-range.js';

const TYPES: Record<RecordingFormat, string> = { wav: 'audio/wav', mp3: 'audio/mpeg', opus: 'audio/ogg' };
/** What a client gets that does not say: the first of these that is there. */
const PREFERENCE: readonly RecordingFormat[] = ['wav', 'mp3', 'opus'];
/** A browser that is led to a recording makes a page of it, whose player asks for the same address again. */
const PAGE_OF_IT = "default-src 'none';media-src 'self';frame-ancestors 'none'";
const OPEN_TIMEOUT_MS = 30_000;
/** A client that takes nothing for so long is gone, or wants to hold our files open. */
const STALL_TIMEOUT_MS = 60_000;

/** The file that is asked for by `?format=`. */
export function chooseFile(found: Here, format: RecordingFormat | null): StoredFile {
  const { files } = found.manifest;
  const wanted = format === null ? PREFERENCE : [format];
  const file = wanted.map((one) => files.find((each) => each.format === one)).find((one) => one !== undefined);
  if (file) return file;
  const there = files.map((each) => each.format).join(', ');
  throw new GatewayError('GW_ERR_NO_RECORDING', `the recording is not there in this format, but as: ${there}`);
}

export interface SoundPlan {
  status: 200 | 206 | 304;
  headers: Record<string, string | number>;
  /** What is sent; null for an answer without content. */
  range: ByteRange | null;
}

/**
 * What RFC 9110 wants to be answered.
 * @param downloadName for a file to be saved, without its ending; null: to be played
 * @throws GatewayError GW_ERR_RANGE
 */
export function planSound(req: Request, found: Here, file: StoredFile, downloadName: string | null): SoundPlan {
  const etag = `"${file.sha256}"`;
  const lastModified = new Date(found.manifest.settledAt).toUTCString();
  const headers = { ETag: etag, 'Last-Modified': lastModified, 'Cache-Control': 'private, no-cache' };
  if (matches(req.get('If-None-Match'), etag)) return { status: 304, headers, range: null };
  const counts = req.method === 'GET' && rangeHolds(req.get('If-Range'), etag, lastModified);
  const range = readByteRange(counts ? req.get('Range') : undefined, file.bytes);
  if (range === 'unsatisfiable') throw new GatewayError('GW_ERR_RANGE', `the recording has ${file.bytes} bytes`);
  const piece = range === 'whole' ? { start: 0, end: file.bytes - 1 } : range;
  return {
    status: range === 'whole' ? 200 : 206,
    headers: {
      ...headers,
      'Accept-Ranges': 'bytes',
      'Content-Security-Policy': PAGE_OF_IT,
      'Content-Disposition': disposition(found, file, downloadName),
      'Content-Type': TYPES[file.format],
      'Content-Length': piece.end - piece.start + 1,
      ...(range === 'whole' ? {} : { 'Content-Range': `bytes ${piece.start}-${piece.end}/${file.bytes}` }),
    },
    range: req.method === 'HEAD' ? null : piece,
  };
}

/**
 * The bytes of the plan; whoever gets them sends or destroys them.
 * @throws GatewayError GW_ERR_RECORDING_AWAY, GW_ERR_DEADLINE
 */
export async function openSound(
  archive: Pick<RecordingArchive, 'sound'>,
  { found, file, range }: { found: Here; file: StoredFile; range: ByteRange },
): Promise<Readable> {
  const opening = archive.sound(found, file.format, range.start, range.end);
  const sound = await withDeadline(opening, OPEN_TIMEOUT_MS, 'opening a recording', (late) => late?.destroy());
  if (!sound) throw new GatewayError('GW_ERR_RECORDING_AWAY', 'the file is not where it should be');
  // The store may break off before it is sent: then sending it fails.
  sound.on('error', () => undefined);
  return sound;
}

/** Sends what was planned; `sound` null: the head only. Resolves when the client has it, or has gone. */
export async function sendSound(res: Response, plan: SoundPlan, sound: Readable | null): Promise<void> {
  res.status(plan.status);
  for (const [name, value] of Object.entries(plan.headers)) res.setHeader(name, value);
  if (!sound) {
    res.end();
    return;
  }
  res.setTimeout(STALL_TIMEOUT_MS, () => res.destroy());
  try {
    await pipeline(sound, res);
  } catch (error) {
    // Who closes his player in the middle is no failure of ours.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE' && code !== 'ECONNRESET' && code !== 'EPIPE') throw error;
  } finally {
    res.setTimeout(0);
  }
}

/** By RFC 6266; a name with other letters in both ways of writing it. */
function disposition(found: Here, file: StoredFile, downloadName: string | null): string {
  if (downloadName === null) return `inline; filename="${found.manifest.callId}.${file.format}"`;
  const name = `${downloadName}.${file.format}`;
  const plain = name.replace(/[^\w .()+-]/g, '_');
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, escapeByte)}`;
}

const escapeByte = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
