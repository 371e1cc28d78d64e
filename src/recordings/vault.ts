import { Readable } from 'node:stream';
import { z } from 'zod';
import { RECORDING_FORMATS, type RecordingFormat } from '../config/parts/recordings.js';
import { plainBytes, type KeyRing } from './crypto/envelope.js';
import { decrypted, encrypted, openWhole } from './crypto/streams.js';
import { readManifest, type Manifest } from './manifest.js';
import { fileName, PARTS } from './names.js';
import { peaksSchema, type Peaks } from './peaks.js';
import type { DiskStore } from './storage/disk.js';
import type { RecordingStore, RemoteStore } from './storage/port.js';

export interface VaultStores {
  /** Where recordings are settled: they stay here, or wait here for their upload. */
  local: DiskStore;
  remote: RemoteStore | null;
  /** null: nothing is encrypted. */
  keys: KeyRing | null;
}

/** A legal hold: neither retention nor anybody's request deletes the recording. */
const holdSchema = z.object({ by: z.string(), at: z.string(), reason: z.string() });
export type Hold = z.output<typeof holdSchema>;

const MAX_SMALL_BYTES = 8 * 1024 * 1024;
/** A player asks for one recording many times in a row; the remote store need not be asked for its manifest each time. */
const REMEMBERED_MS = 30_000;
const MAX_REMEMBERED = 500;

/** The recordings there are, wherever they are, and without anybody having to know whether they are encrypted. */
export class Vault {
  readonly local: DiskStore;
  readonly remote: RemoteStore | null;
  readonly keys: KeyRing | null;
  readonly #remembered = new Map<string, { manifest: Manifest; until: number }>();

  constructor({ local, remote, keys }: VaultStores) {
    this.local = local;
    this.remote = remote;
    this.keys = keys;
  }

  /** Where recordings are kept for good. */
  get home(): RecordingStore {
    return this.remote ?? this.local;
  }

  /** null where there is no such recording, neither here nor in the store. */
  async manifest(base: string): Promise<Manifest | null> {
    const here = await this.localManifest(base);
    if (here || !this.remote) return here;
    const known = this.#remembered.get(base);
    if (known && known.until > Date.now()) return known.manifest;
    const manifest = readManifest(await this.remote.load(base + PARTS.manifest));
    if (manifest) this.#remember(base, manifest);
    return manifest;
  }

  /** Wherever there are recordings: with a remote store, what waits for it and what was kept here before it was configured. */
  get stores(): RecordingStore[] {
    return this.remote ? [this.remote, this.local] : [this.local];
  }

  /** Folders of sites that have recordings, also of those that have left the configuration. */
  async sites(): Promise<string[]> {
    const folders = await Promise.all(this.stores.map((store) => store.folders('')));
    return [...new Set(folders.flat())];
  }

  /** null where it is not, or no longer, on this disk. */
  async localManifest(base: string): Promise<Manifest | null> {
    return readManifest(await this.local.load(base + PARTS.manifest));
  }

  /** Removes the recording everywhere, the manifest last: what breaks off is found again and goes on. */
  async remove(base: string): Promise<void> {
    this.#remembered.delete(base);
    const sounds = RECORDING_FORMATS.map((format) => fileName(base, format));
    for (const name of [...sounds, base + PARTS.peaks, base + PARTS.manifest]) {
      await this.local.remove(name);
      await this.remote?.remove(name);
    }
  }

  async hold(base: string): Promise<Hold | null> {
    const name = base + PARTS.hold;
    // Here too: a store may have been configured since.
    const text = (await this.remote?.load(name)) ?? (await this.local.load(name));
    return text && holdSchema.parse(JSON.parse(text.toString('utf8')));
  }

  /** null: the recording may be deleted again. Stands beside the recording, so that it outlives Redis. */
  async setHold(base: string, hold: Hold | null): Promise<void> {
    const name = base + PARTS.hold;
    if (hold) {
      await this.home.save(name, Buffer.from(JSON.stringify(hold)));
      return;
    }
    await this.remote?.remove(name);
    await this.local.remove(name);
  }

  /** The bytes `start` to `end` of the sound; null where its file is away. */
  async sound(
    base: string,
    manifest: Manifest,
    format: RecordingFormat,
    range: { start: number; end: number },
  ): Promise<Readable | null> {
    const name = fileName(base, format);
    const bytes = manifest.files.find((file) => file.format === format)?.bytes;
    if (bytes === undefined) return null;
    if (manifest.encryptedWith === null) return await this.#read(name, range.start, range.end);
    const plain = await decrypted((start, end) => this.#read(name, start, end), this.#ring(), { ...range, bytes });
    return plain && Readable.from(plain, { objectMode: false });
  }

  async peaks(base: string, manifest: Manifest): Promise<Peaks | null> {
    const stored = await this.#load(base + PARTS.peaks);
    if (!stored) return null;
    const text = manifest.encryptedWith === null ? stored : await this.#openSmall(stored);
    return peaksSchema.parse(JSON.parse(text.toString('utf8')));
  }

  /** Writes into the local store, encrypted where that is configured. */
  async keep(name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    await this.local.write(name, this.keys ? encrypted(iterate(content), this.keys) : content);
  }

  async keepManifest(base: string, manifest: Manifest): Promise<void> {
    await this.local.save(base + PARTS.manifest, Buffer.from(JSON.stringify(manifest)));
  }

  #remember(base: string, manifest: Manifest): void {
    this.#remembered.delete(base);
    this.#remembered.set(base, { manifest, until: Date.now() + REMEMBERED_MS });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }

  async #read(name: string, start: number, end: number): Promise<Readable | null> {
    return (await this.local.read(name, start, end)) ?? (await this.remote?.read(name, start, end)) ?? null;
  }

  async #load(name: string): Promise<Buffer | null> {
    return (await this.local.load(name)) ?? (await this.remote?.load(name)) ?? null;
  }

  async #openSmall(sealed: Buffer): Promise<Buffer> {
    if (plainBytes(sealed.length) > MAX_SMALL_BYTES) throw new Error('too large to be one of ours');
    return await openWhole(sealed, this.#ring());
  }

  #ring(): KeyRing {
    if (!this.keys) throw new Error('the recording is encrypted and no key is configured');
    return this.keys;
  }
}

async function* iterate(content: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* content;
}
