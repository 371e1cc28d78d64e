import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ArchiveFiles } from '../history/archive.js';
import { isSealed, type KeyRing } from './crypto/envelope.js';
import { encrypted, openWhole } from './crypto/streams.js';
import type { RecordingStore } from './storage/port.js';

/**
 * Small files beside the recordings, encrypted by the same keys where there are any: written with the newest, read with
 * the one that a file names. What was written before encryption was configured is read as it is.
 */
export class SealedFiles implements ArchiveFiles {
  constructor(
    private readonly store: RecordingStore,
    private readonly keys: KeyRing | null,
  ) {}

  identity(): Promise<string> {
    return this.store.identity();
  }

  async save(name: string, content: Buffer): Promise<void> {
    const sealed = this.keys ? await buffer(encrypted(Readable.from([content]), this.keys)) : content;
    await this.store.save(name, sealed);
  }

  async load(name: string): Promise<Buffer | null> {
    const content = await this.store.load(name);
    if (!content || !isSealed(content)) return content;
    if (!this.keys) throw new Error(`${name} is encrypted and no key is configured`);
    return await openWhole(content, this.keys);
  }

  files(folder: string): AsyncIterable<string> {
    return this.store.files(folder);
  }

  folders(folder: string): Promise<string[]> {
    return this.store.folders(folder);
  }
}
