import { open, type FileHandle } from 'node:fs/promises';
import { SAMPLE_RATE } from './packet.js';

const WAV_HEADER_BYTES = 44;
const CHUNK_BYTES = 64 * 1024;
/** About two minutes of stereo: a disk that is that far behind will not catch up, and the memory is needed for calls. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** A WAV file (16-bit PCM, 8 kHz) written as the talk goes on; the sizes in its header are set on close. */
export class WavWriter {
  frames = 0;
  #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #used = 0;
  #position = WAV_HEADER_BYTES;
  #waitingBytes = 0;
  #error: Error | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    readonly path: string,
    readonly channels: 1 | 2,
    private readonly file: FileHandle,
  ) {}

  static async create(path: string, channels: 1 | 2): Promise<WavWriter> {
    const file = await open(path, 'w');
    const writer = new WavWriter(path, channels, file);
    try {
      await file.write(wavHeader(0, channels), 0, WAV_HEADER_BYTES, 0);
    } catch (error) {
      await file.close();
      throw error;
    }
    return writer;
  }

  /** The first error of the disk; after it everything is dropped, so that a full disk never holds up a call. */
  get error(): Error | undefined {
    return this.#error;
  }

  get bytes(): number {
    return WAV_HEADER_BYTES + this.frames * this.channels * 2;
  }

  /** Adds `left` (and `right`, when the file is stereo), sample by sample. Never blocks. */
  write(left: Int16Array, right: Int16Array): void {
    if (this.#error !== undefined) return;
    const stereo = this.channels === 2;
    for (let i = 0; i < left.length; i++) {
      if (this.#used + this.channels * 2 > CHUNK_BYTES) this.#flush();
      this.#used = this.#chunk.writeInt16LE(left[i] ?? 0, this.#used);
      if (stereo) this.#used = this.#chunk.writeInt16LE(right[i] ?? 0, this.#used);
    }
    this.frames += left.length;
  }

  /** Writes what is left and the final header; rejects with the first error of the disk. */
  async close(): Promise<void> {
    this.#flush();
    await this.#writing;
    try {
      if (this.#error !== undefined) throw this.#error;
      await this.file.write(wavHeader(this.frames * this.channels * 2, this.channels), 0, WAV_HEADER_BYTES, 0);
    } finally {
      await this.file.close();
    }
  }

  #flush(): void {
    if (this.#used === 0 || this.#error !== undefined) return;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#error = new Error(`the disk is too slow for ${this.path}`);
      return;
    }
    const octets = this.#chunk.subarray(0, this.#used);
    const position = this.#position;
    this.#position += octets.length;
    this.#waitingBytes += octets.length;
    this.#chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    this.#used = 0;
    this.#writing = this.#writing.then(() => this.#store(octets, position));
  }

  async #store(octets: Buffer, position: number): Promise<void> {
    try {
      if (this.#error === undefined) await this.file.write(octets, 0, octets.length, position);
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#waitingBytes -= octets.length;
    }
  }
}

function wavHeader(dataBytes: number, channels: number): Buffer {
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + dataBytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
