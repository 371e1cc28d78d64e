import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { FilePieces } from './file-pieces.js';
import { PeakMeter } from './peaks.js';
import { SilenceFinder, type Stretch } from './silences.js';
import { readWavLayout, repairWavHeader, type WavLayout } from './wav.js';

export interface Measured {
  layout: WavLayout;
  /** Of the whole file, after its header was repaired. */
  bytes: number;
  sha256: string;
  meter: PeakMeter;
  /** Where it is silent to the last bit; empty unless they were asked for, since looking costs as much as the rest. */
  silences: Stretch[];
}

/**
 * Reads a WAV file once, a piece at a time: hash, waveform, silences where they are asked for, and the header set right where its writer died. What was read
 * is on the disk when this resolves. Null where it is no WAV; rejects with the file system's error.
 */
export async function measureWav(name: string, wanted = { silences: false }): Promise<Measured | null> {
  const file = await open(name, 'r+');
  try {
    let pieces = await FilePieces.of(file);
    const layout = await readWavLayout(pieces);
    if (!layout) return null;
    if (layout.headerStale) {
      await repairWavHeader(file, layout);
      pieces = await FilePieces.of(file);
    }
    const hash = createHash('sha256');
    const meter = new PeakMeter(layout);
    const silences = wanted.silences ? new SilenceFinder(layout) : null;
    const end = layout.dataOffset + layout.dataBytes;
    await pieces.each(0, layout.dataOffset, 1, (piece) => hash.update(piece));
    await pieces.each(layout.dataOffset, end, layout.frameBytes, (piece) => {
      hash.update(piece);
      const samples = new Int16Array(piece.buffer, piece.byteOffset, piece.length >> 1);
      meter.add(samples);
      silences?.add(samples);
    });
    await pieces.each(end, pieces.size, 1, (piece) => hash.update(piece));
    await file.sync();
    return { layout, bytes: pieces.size, sha256: hash.digest('hex'), meter, silences: silences?.finish() ?? [] };
  } finally {
    await file.close();
  }
}
