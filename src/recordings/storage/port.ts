import type { Readable } from 'node:stream';

/** Where finished recordings are kept. Names are paths with `/`, made by `names.ts`. All may reject with the store's error. */
export interface RecordingStore {
  /** Names this store over all gateways that share it: who sweeps it holds a lease of this name. */
  identity(): Promise<string>;
  /** The bytes `start` to `end`, both included; null where there is no such file. */
  read(name: string, start: number, end: number): Promise<Readable | null>;
  /** A whole small file (manifest, waveform, hold); null where there is none. */
  load(name: string): Promise<Buffer | null>;
  /** Writes a small file as a whole or not at all. */
  save(name: string, content: Buffer): Promise<void>;
  /** Idempotent. */
  remove(name: string): Promise<void>;
  /** Names of the folders directly below `folder` (`` or `a/b/`). */
  folders(folder: string): Promise<string[]>;
  /** Names of the files directly in `folder`. */
  files(folder: string): AsyncIterable<string>;
}

/** A store that is elsewhere, and takes files from this machine. */
export interface RemoteStore extends RecordingStore {
  /**
   * Uploads the file at `path`; resolves when the store has confirmed the same size and the same content.
   * @param signal aborts what is under way
   */
  upload(name: string, path: string, signal: AbortSignal): Promise<void>;
  /** Breaks off what is under way, and takes nothing more; uploads have their own signal. */
  close(): void;
}
