import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, opendir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { RecordingStore } from './port.js';

/** Few, large reads: each one is a trip through the thread pool. */
const READ_BYTES = 1024 * 1024;
const IDENTITY = '.store-id';
/** On the disk of what they become: they are renamed. */
const DRAFTS = '.drafts/';
/**
 * What may be a site, or a part of a day. What begins with a dot is ours: the work journal, drafts. On a disk of their own
 * recordings have `lost+found` beside them, which nobody but root may look into.
 */
const FOLDER = /^[a-z0-9][a-z0-9._-]*$/i;
/** What link(2) says of another file system, and of one that knows no links. */
const LINKLESS = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Recordings in a folder of this machine, or of one that several gateways have mounted. */
export class DiskStore implements RecordingStore {
  constructor(readonly directory: string) {}

  /** Made once a folder, so that gateways which share a folder know it. */
  async identity(): Promise<string> {
    const known = await this.#knownIdentity();
    if (known) return known;
    const draft = DRAFTS + randomUUID();
    await this.save(draft, Buffer.from(randomUUID()));
    await this.#nameOnce(this.pathOf(draft), this.pathOf(IDENTITY), known === null);
    const named = await this.#knownIdentity();
    if (!named) throw new Error('the name of the store was taken away as it was written');
    return named;
  }

  /** null where there is none; empty where a full disk, or a death, left it without its text. */
  async #knownIdentity(): Promise<string | null> {
    const file = await this.load(IDENTITY);
    return file && file.toString('utf8').trim();
  }

  /** Two gateways may start at once: the one whose file has the name first names the store. */
  async #nameOnce(draft: string, target: string, free: boolean): Promise<void> {
    try {
      if (free) await link(draft, target);
      else await rename(draft, target);
    } catch (error) {
      if (LINKLESS.has(codeOf(error))) await rename(draft, target);
      else if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Names are made by us, but a name from a file is not trusted to stay inside. */
  pathOf(name: string): string {
    if (name.split('/').includes('..')) throw new Error('a name must not lead out of its folder');
    return path.join(this.directory, name);
  }

  async read(name: string, start: number, end: number): Promise<Readable | null> {
    const file = await open(this.pathOf(name), 'r').catch(nullIfAbsent);
    return file && createReadStream('', { fd: file, start, end, highWaterMark: READ_BYTES });
  }

  async load(name: string): Promise<Buffer | null> {
    return await readFile(this.pathOf(name)).catch(nullIfAbsent);
  }

  async save(name: string, content: Buffer): Promise<void> {
    await this.write(name, [content]);
  }

  /** Writes a draft that takes its name when it is whole: nobody sees half a file, and a crash leaves none among the others. */
  async write(name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const target = this.pathOf(name);
    const draft = this.pathOf(DRAFTS + randomUUID());
    const file = await inFolderOf(draft, () => open(draft, 'wx'));
    try {
      for await (const piece of content) await file.writeFile(piece);
      await file.sync();
      await file.close();
      await inFolderOf(target, () => rename(draft, target));
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(draft, { force: true });
      throw error;
    }
  }

  /** Removes drafts that nobody has written to since `before` (ms): of a gateway that died, this one or one that shares the folder. */
  async clearDrafts(before: number): Promise<void> {
    for await (const name of this.files(DRAFTS)) {
      const file = this.pathOf(name);
      const draft = await stat(file).catch(nullIfAbsent);
      if (draft && draft.mtimeMs < before) await rm(file, { force: true });
    }
  }

  /** Gives a finished file a second name in here; false where it cannot have one: on another disk, mostly. */
  async link(file: string, name: string): Promise<boolean> {
    const target = this.pathOf(name);
    try {
      await inFolderOf(target, () => link(file, target)).catch(async (error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
        // Of an attempt that broke off, or of one that is under way: at no moment it is without the name.
        await this.#linkOver(file, target);
      });
      return true;
    } catch (error) {
      if (LINKLESS.has(codeOf(error))) return false;
      throw error;
    }
  }

  async #linkOver(file: string, target: string): Promise<void> {
    const draft = this.pathOf(DRAFTS + randomUUID());
    await inFolderOf(draft, () => link(file, draft));
    try {
      await rename(draft, target);
    } finally {
      // It stays where both are names of one file already (rename(2)).
      await rm(draft, { force: true });
    }
  }

  async remove(name: string): Promise<void> {
    await unlink(this.pathOf(name)).catch(nullIfAbsent);
  }

  async folders(folder: string): Promise<string[]> {
    const names: string[] = [];
    for await (const entry of this.#entries(folder)) if (entry.isDirectory()) names.push(entry.name);
    return names.filter((name) => FOLDER.test(name)).sort();
  }

  async *files(folder: string): AsyncGenerator<string> {
    for await (const entry of this.#entries(folder)) if (entry.isFile()) yield `${folder}${entry.name}`;
  }

  async *#entries(folder: string) {
    const directory = await opendir(this.pathOf(folder)).catch(nullIfAbsent);
    if (directory) yield* directory;
  }
}

/** A day's folder is made by its first file, not looked for by every one. */
async function inFolderOf<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(path.dirname(file), { recursive: true });
    return await work();
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

/** For a file that is not there; every other error is one. */
function nullIfAbsent(error: unknown): null {
  if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
  throw error;
}
