import type { FileHandle } from 'node:fs/promises';

const PIECE_BYTES = 256 * 1024;

/**
 * A file of known length, read in large pieces. Each read is a trip through the thread pool, so the first piece is kept:
 * most recordings are read by it alone, header and all.
 */
export class FilePieces {
  /** Of every piece but the first. */
  #buffer: Buffer | null = null;

  private constructor(
    private readonly file: FileHandle,
    /** Bytes of the file. */
    readonly size: number,
    private readonly first: Buffer,
  ) {}

  static async of(file: FileHandle): Promise<FilePieces> {
    const { size } = await file.stat();
    return new FilePieces(file, size, await readAt(file, 0, Buffer.allocUnsafeSlow(Math.min(size, PIECE_BYTES))));
  }

  /** `length` bytes at `position`, at most as many as a piece has; fewer at the end of the file. Valid until the next call. */
  async at(position: number, length: number): Promise<Buffer> {
    const end = Math.min(position + length, this.size);
    if (position >= end) return Buffer.alloc(0);
    if (end <= this.first.length) return this.first.subarray(position, end);
    this.#buffer ??= Buffer.allocUnsafeSlow(PIECE_BYTES);
    return readAt(this.file, position, this.#buffer.subarray(0, end - position));
  }

  /** What lies between `from` and `end`, in pieces of whole units of `unit` bytes. */
  async each(from: number, end: number, unit: number, use: (piece: Buffer) => void): Promise<void> {
    for (let position = from; position < end;) {
      const leftOfFirst = this.first.length - position;
      const most = Math.min(leftOfFirst >= unit ? leftOfFirst : PIECE_BYTES, end - position);
      const piece = await this.at(position, most - (most % unit));
      use(piece);
      position += piece.length;
    }
  }
}

/** Fills `buffer`: a short read in the middle would move every frame after it. */
async function readAt(file: FileHandle, position: number, buffer: Buffer): Promise<Buffer> {
  for (let filled = 0; filled < buffer.length;) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    filled += bytesRead;
  }
  return buffer;
}
