import { readFile } from 'node:fs/promises';

export interface WavAudio {
  sampleRate: number;
  /** One array a channel: left, right. */
  channels: Int16Array[];
  /** Samples a channel. */
  frames: number;
}

/** Reads a whole 16-bit PCM WAV file; rejects on any other kind. */
export async function readWav(path: string): Promise<WavAudio> {
  return parseWav(await readFile(path));
}

/** Takes a data chunk that is longer than the file, or of size 0, to the file's end: the header of a crash. */
export function parseWav(octets: Buffer): WavAudio {
  if (octets.length < 12 || octets.toString('latin1', 0, 4) !== 'RIFF' || octets.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('not a WAV file');
  }
  let format: { channels: number; sampleRate: number } | undefined;
  for (let at = 12; at + 8 <= octets.length;) {
    const id = octets.toString('latin1', at, at + 4);
    const size = octets.readUInt32LE(at + 4);
    const start = at + 8;
    if (id === 'fmt ') format = readFormat(octets, start);
    if (id === 'data' && format !== undefined) {
      const end = size === 0 ? octets.length : Math.min(octets.length, start + size);
      return deinterleave(octets.subarray(start, end), format.channels, format.sampleRate);
    }
    at = start + size + (size % 2);
  }
  throw new Error('no audio in the WAV file');
}

function readFormat(octets: Buffer, start: number): { channels: number; sampleRate: number } {
  const coding = octets.readUInt16LE(start);
  const bits = octets.readUInt16LE(start + 14);
  if ((coding !== 1 && coding !== 0xfffe) || bits !== 16) throw new Error('only 16-bit PCM is read');
  return { channels: octets.readUInt16LE(start + 2), sampleRate: octets.readUInt32LE(start + 4) };
}

function deinterleave(data: Buffer, channelCount: number, sampleRate: number): WavAudio {
  const frames = Math.floor(data.length / (2 * channelCount));
  const channels = Array.from({ length: channelCount }, (_, channel) =>
    Int16Array.from({ length: frames }, (_unused, frame) => data.readInt16LE((frame * channelCount + channel) * 2)),
  );
  return { sampleRate, channels, frames };
}
