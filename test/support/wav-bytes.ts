/** A stereo WAV of 16 bits and 8 kHz: `left` and `right` give each sample by its number. */
export function wavBytes(
  seconds: number,
  left: (n: number) => number = (n) => Math.round(8000 * Math.sin(n / 3)),
  right: (n: number) => number = (n) => Math.round(4000 * Math.sin(n / 7)),
): Buffer {
  const frames = Math.round(seconds * 8000);
  const file = Buffer.alloc(44 + frames * 4);
  wavHeader(frames * 4).copy(file);
  for (let n = 0; n < frames; n++) {
    file.writeInt16LE(left(n), 44 + n * 4);
    file.writeInt16LE(right(n), 46 + n * 4);
  }
  return file;
}

export function wavHeader(dataBytes: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + dataBytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(2, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
