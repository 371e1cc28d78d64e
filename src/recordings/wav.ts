import type { FileHandle } from 'node:fs/promises';
import type { FilePieces } from './file-pieces.js';

/** Where the samples of a PCM WAV file are and how they are laid out (RIFF WAVE, format 1, 16 bits). */
export interface WavLayout {
  sampleRate: number;
  channelCount: number;
  /** Bytes of one sample on all channels. */
  frameBytes: number;
  dataOffset: number;
  /** By the file's length, not by the header: a writer that died leaves zeros or an old size there. Whole frames. */
  dataBytes: number;
  /** The header says something else than the file. */
  headerStale: boolean;
}

type Format = Pick<WavLayout, 'sampleRate' | 'channelCount' | 'frameBytes'>;

const HEADER_BYTES = 4096;
const PCM = 1;

/** Reads the header; null where the file is not 16-bit PCM WAVE. */
export async function readWavLayout(file: FilePieces): Promise<WavLayout | null> {
  const buffer = await file.at(0, HEADER_BYTES);
  if (buffer.length < 12 || buffer.toString('latin1', 0, 4) !== 'RIFF' || buffer.toString('latin1', 8, 12) !== 'WAVE') {
    return null;
  }
  let format: Format | null = null;
  let offset = 12;
  while (offset + 8 <= buffer.length) {
    const id = buffer.toString('latin1', offset, offset + 4);
    const size = buffer.readUInt32LE(offset + 4);
    const body = offset + 8;
    if (id === 'fmt ' && body + 16 <= buffer.length) format = readFormat(buffer, body);
    if (id === 'data') {
      if (!format) return null;
      const trusted = await isFinished(file, body, size);
      const present = trusted ? size : file.size - body;
      return { ...format, dataOffset: body, dataBytes: present - (present % format.frameBytes), headerStale: !trusted };
    }
    offset = body + size + (size % 2);
  }
  return null;
}

function readFormat(buffer: Buffer, at: number): Format | null {
  if (buffer.readUInt16LE(at) !== PCM || buffer.readUInt16LE(at + 14) !== 16) return null;
  const channelCount = buffer.readUInt16LE(at + 2);
  const sampleRate = buffer.readUInt32LE(at + 4);
  const frameBytes = buffer.readUInt16LE(at + 12);
  if (channelCount < 1 || frameBytes !== channelCount * 2 || sampleRate < 1) return null;
  return { channelCount, sampleRate, frameBytes };
}

/**
 * A size of zero, beyond the file, or behind which there is something that is no chunk (LIST …) is that of a header never
 * finished: its writer died, or was stopped by a full disk, after it had written on.
 */
async function isFinished(file: FilePieces, dataOffset: number, stated: number): Promise<boolean> {
  const present = file.size - dataOffset;
  if (stated === 0 || stated > present) return present === 0;
  const next = dataOffset + stated + (stated % 2);
  if (next >= file.size) return true;
  const buffer = await file.at(next, 8);
  return (
    buffer.length === 8 &&
    /^[\x20-\x7e]{4}$/.test(buffer.toString('latin1', 0, 4)) &&
    next + 8 + buffer.readUInt32LE(4) <= file.size
  );
}

/** Writes the true sizes into the header of a file whose writer died, and cuts off what is less than a frame. */
export async function repairWavHeader(file: FileHandle, layout: WavLayout): Promise<void> {
  const end = layout.dataOffset + layout.dataBytes;
  await file.truncate(end);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(end - 8);
  await file.write(size, 0, 4, 4);
  size.writeUInt32LE(layout.dataBytes);
  await file.write(size, 0, 4, layout.dataOffset - 4);
}
