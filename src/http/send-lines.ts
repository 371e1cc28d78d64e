import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Response } from 'express';
import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';

/** One JSON text a line. */
export const NDJSON = 'application/x-ndjson';
/** A reader that takes nothing for so long is let go. */
const STALL_MS = 60_000;

interface Lines {
  type: string;
  /** What browsers save it as; they show it where left out. */
  file?: string;
  logger: Logger;
}

/**
 * Sends a long answer as fast as the client reads, with gzip where he asks for it. A broken one ends without its last
 * chunk, or with a reset, which every HTTP client notices. HEAD reads none of it.
 */
export async function sendLines(
  res: Response,
  lines: AsyncIterable<string>,
  { type, file, logger }: Lines,
): Promise<void> {
  if (file !== undefined) res.attachment(file);
  // The type that its name would have comes with the name: ours after it.
  res.type(type).vary('Accept-Encoding');
  const zipped = res.req.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (zipped) res.setHeader('Content-Encoding', 'gzip');
  if (res.req.method === 'HEAD') {
    res.end();
    return;
  }
  res.setTimeout(STALL_MS, () => breakOff(res));
  const source = Readable.from(orBrokenOff(lines, res), { highWaterMark: 1 });
  try {
    await (zipped ? pipeline(source, createGzip(), res) : pipeline(source, res));
  } catch (thrown) {
    const error = toError(thrown);
    // The client has gone; nobody is left to be told.
    if ('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    logger.warn({ err: error }, 'an export was broken off');
  }
}

/** HTTP/1.0, which nginx speaks to us unless told otherwise, has no last chunk: there an end like any other would say that this is all. */
function breakOff(res: Response): void {
  if (res.req.httpVersion === '1.0') res.socket?.resetAndDestroy();
  else res.destroy();
}

async function* orBrokenOff(lines: AsyncIterable<string>, res: Response): AsyncGenerator<string> {
  try {
    yield* lines;
  } catch (error) {
    breakOff(res);
    throw error;
  }
}
