import type { FileHandle } from 'node:fs/promises';

/** Where the samples of a PCM WAV file are and how they are laid out (RIFF WAVE, format 1, 16 bits). */
export interface WavLayout {
  sampleRate: number;
  channelCount: number;
  /** Bytes of one sample on all channels. */
  frameBytes: number;
  dataOffset: number;
  /** By the file's length, not by the header: a writer that died leaves zeros or an old size there. */
  dataBytes: number;
  /** The header says something else than the file. */
  headerStale: boolean;
}

const HEADER_BYTES = 4096;
const PCM = 1;

/** Reads the header of `file` of `fileBytes` bytes; null where it is not 16-bit PCM WAVE. */
export async function readWavLayout(file: FileHandle, fileBytes: number): Promise<WavLayout | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
  if (bytesRead < 12 || buffer.toString('latin1', 0, 4) !== 'RIFF' || buffer.toString('latin1', 8, 12) !== 'WAVE') {
    return null;
  }
  let format: { sampleRate: number; channelCount: number; frameBytes: number } | null = null;
  let offset = 12;
  while (offset + 8 <= bytesRead) {
    const id = buffer.toString('latin1', offset, offset + 4);
    const size = buffer.readUInt32LE(offset + 4);
    const body = offset + 8;
    if (id === 'fmt ' && body + 16 <= bytesRead) {
      if (buffer.readUInt16LE(body) !== PCM || buffer.readUInt16LE(body + 14) !== 16) return null;
      format = {
        channelCount: buffer.readUInt16LE(body + 2),
        sampleRate: buffer.readUInt32LE(body + 4),
        frameBytes: buffer.readUInt16LE(body + 12),
      };
    }
    if (id === 'data') return format && dataLayout(format, body, size, fileBytes);
    offset = body + size + (size % 2);
  }
  return null;
}

function dataLayout(
  format: { sampleRate: number; channelCount: number; frameBytes: number },
  dataOffset: number,
  statedBytes: number,
  fileBytes: number,
): WavLayout | null {
  if (format.channelCount < 1 || format.frameBytes < 2 || format.sampleRate < 1) return null;
  const present = fileBytes - dataOffset;
  // Chunks behind the samples (LIST) are not samples; a size beyond the file or of zero is a header never finished.
  const trusted = statedBytes > 0 && statedBytes <= present;
  const dataBytes = trusted ? statedBytes : present - (present % format.frameBytes);
  return { ...format, dataOffset, dataBytes, headerStale: !trusted };
}

/** Writes the true sizes into the header of a file whose writer died. */
export async function repairWavHeader(file: FileHandle, layout: WavLayout): Promise<void> {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(layout.dataOffset + layout.dataBytes - 8);
  await file.write(size, 0, 4, 4);
  size.writeUInt32LE(layout.dataBytes);
  await file.write(size, 0, 4, layout.dataOffset - 4);
}
