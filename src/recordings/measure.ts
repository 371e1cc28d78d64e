import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { PeakMeter } from './peaks.js';
import { readWavLayout, repairWavHeader, type WavLayout } from './wav.js';

const CHUNK_BYTES = 256 * 1024;

export interface Measured {
  layout: WavLayout;
  /** Of the whole file, after its header was repaired. */
  bytes: number;
  sha256: string;
  meter: PeakMeter;
}

/**
 * Reads a WAV file once, a piece at a time: hash, waveform, and the header set right where its writer died. What was read
 * is on the disk when this resolves. Null where it is no WAV; rejects with the file system's error.
 */
export async function measureWav(name: string): Promise<Measured | null> {
  const file = await open(name, 'r+');
  try {
    const layout = await readWavLayout(file, (await file.stat()).size);
    if (!layout) return null;
    if (layout.headerStale) await repairWavHeader(file, layout);
    const hash = createHash('sha256');
    const meter = new PeakMeter(layout);
    const end = layout.dataOffset + layout.dataBytes;
    await eachPiece(file, 0, layout.dataOffset, CHUNK_BYTES, (piece) => hash.update(piece));
    await eachPiece(file, layout.dataOffset, end, CHUNK_BYTES - (CHUNK_BYTES % layout.frameBytes), (piece) => {
      noteSamples(piece, hash, meter);
    });
    const bytes = await eachPiece(file, end, Number.MAX_SAFE_INTEGER, CHUNK_BYTES, (piece) => hash.update(piece));
    await file.sync();
    return { layout, bytes, sha256: hash.digest('hex'), meter };
  } finally {
    await file.close();
  }
}

/** Pieces of `size` bytes, the last one shorter; where the file ended. */
async function eachPiece(
  file: FileHandle,
  from: number,
  end: number,
  size: number,
  use: (piece: Buffer) => void,
): Promise<number> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(size, Math.max(0, end - from)));
  let position = from;
  while (position < end) {
    const wanted = Math.min(size, end - position);
    let filled = 0;
    // A short read in the middle would move every frame after it.
    while (filled < wanted) {
      const { bytesRead } = await file.read(buffer, filled, wanted - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled > 0) use(buffer.subarray(0, filled));
    position += filled;
    if (filled < wanted) break;
  }
  return position;
}

function noteSamples(piece: Buffer, hash: Hash, meter: PeakMeter): void {
  hash.update(piece);
  meter.add(new Int16Array(piece.buffer, piece.byteOffset, piece.length >> 1));
}
