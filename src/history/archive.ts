import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** Where archived calls are kept: beside the recordings. Names are paths with `/`. */
export interface ArchiveFiles {
  /** Writes a file as a whole or not at all. */
  save(name: string, content: Buffer): Promise<void>;
  load(name: string): Promise<Buffer | null>;
  /** Names of the files directly in `folder` (`a/b/`), with it in front. */
  files(folder: string): AsyncIterable<string>;
}

export interface ArchivedCall {
  place: number;
  id: string;
  /** The call as JSON text. */
  doc: string;
}

/** A name with a dot cannot be a site's folder. */
const FOLDER = '.history/';
const zip = promisify(gzip);
const unzip = promisify(gunzip);

/**
 * Calls that have left Redis: NDJSON, gzipped, a folder a day (of the call's start, UTC), a file each time calls leave.
 * A file is named after its first place, so that a second try after a crash replaces the first one's file.
 */
export class CallArchive {
  constructor(private readonly files: ArchiveFiles) {}

  /** Resolves when every line has been read back. Rejects with the store's error, or when it gave back something else. */
  async write(calls: readonly ArchivedCall[]): Promise<void> {
    const days = new Map<string, ArchivedCall[]>();
    for (const call of calls) days.set(dayOf(call.doc), [...(days.get(dayOf(call.doc)) ?? []), call]);
    for (const [day, ofDay] of days) {
      const name = `${folderOf(day)}${String(ofDay[0]?.place ?? 0).padStart(12, '0')}.ndjson.gz`;
      const text = Buffer.from(ofDay.map(({ doc }) => `${doc}\n`).join(''));
      await this.files.save(name, await zip(text));
      const kept = await this.files.load(name);
      if (!kept || digest(await unzip(kept)) !== digest(text))
        throw new Error('archived calls differ from what was written');
    }
  }

  /** The calls of one day (`2026-11-21`), a JSON text each; those archived twice once. */
  async *day(day: string): AsyncGenerator<string> {
    const names: string[] = [];
    for await (const name of this.files.files(folderOf(day))) if (name.endsWith('.ndjson.gz')) names.push(name);
    const seen = new Set<string>();
    // The latest first: a call that changed between two tries is as the later one wrote it.
    for (const name of names.sort().reverse()) {
      const kept = await this.files.load(name);
      for (const line of kept ? (await unzip(kept)).toString('utf8').split('\n') : []) {
        if (line === '') continue;
        const { id } = JSON.parse(line) as { id: string };
        if (!seen.has(id)) yield line;
        seen.add(id);
      }
    }
  }
}

const folderOf = (day: string): string => `${FOLDER}${day.replaceAll('-', '/')}/`;
const dayOf = (doc: string): string => (JSON.parse(doc) as { startedAt: string }).startedAt.slice(0, 10);
const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
