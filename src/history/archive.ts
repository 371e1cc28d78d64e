import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Call } from '../call/call.js';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';

/** Where archived calls are kept: beside the recordings, encrypted as they are. Names are paths with `/`. */
export interface ArchiveFiles {
  /** Names this store over all gateways that share it. */
  identity(): Promise<string>;
  /** Writes a file as a whole or not at all. */
  save(name: string, content: Buffer): Promise<void>;
  load(name: string): Promise<Buffer | null>;
  /** Names of the files directly in `folder` (`a/b/`), with it in front. */
  files(folder: string): AsyncIterable<string>;
  /** Names of the folders directly in `folder`. */
  folders(folder: string): Promise<string[]>;
}

export interface ArchivedCall {
  /** `<generation>.<place>` in the history. */
  place: string;
  id: string;
  /** The call as JSON text. */
  doc: string;
}

/** A name with a dot cannot be a site's folder. */
const FOLDER = '.history/';
const ENDING = '.ndjson.gz';
/** Two hundred calls are half a megabyte: what is larger is none of ours. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;
const zip = promisify(gzip);
const unzip = promisify(gunzip);

/**
 * Calls that have left Redis: NDJSON, gzipped, a folder a day (of the call's start, UTC), a file each time calls leave.
 * A file is named after its generation of places and its first place, so that a second try after a crash replaces the
 * first one's file, and no other.
 */
export class CallArchive {
  constructor(private readonly files: ArchiveFiles) {}

  /** Names where it is kept, over all gateways that share that. */
  store(): Promise<string> {
    return this.files.identity();
  }

  /** Whether any call was ever archived here. */
  async isUsed(): Promise<boolean> {
    return (await this.files.folders(FOLDER)).length > 0;
  }

  /**
   * Resolves when every line has been read back. Rejects with the store's error, or when it gave back something else.
   * @param goOn asked before each file
   * @returns false where it was told to stop
   */
  async write(calls: readonly ArchivedCall[], goOn: () => Promise<boolean>): Promise<boolean> {
    const days = new Map<string, ArchivedCall[]>();
    for (const call of calls) days.set(dayOf(call.doc), [...(days.get(dayOf(call.doc)) ?? []), call]);
    for (const [day, ofDay] of days) {
      const name = `${folderOf(day)}${fileOf(ofDay)}${ENDING}`;
      if (!(await goOn())) return false;
      await this.#save(name, Buffer.from(ofDay.map(({ doc }) => `${doc}\n`).join('')));
    }
    return true;
  }

  /** Days (`2026-11-21`) on which archived calls began, the oldest first. */
  async days(): Promise<string[]> {
    const days: string[] = [];
    for (const year of numeric(await this.files.folders(FOLDER)))
      for (const month of numeric(await this.files.folders(`${FOLDER}${year}/`)))
        for (const day of numeric(await this.files.folders(`${FOLDER}${year}/${month}/`)))
          days.push(`${year}-${month}-${day}`);
    return days;
  }

  /** Whether any call of a day is here. */
  async has(day: string): Promise<boolean> {
    for await (const name of this.files.files(folderOf(day))) if (name.endsWith(ENDING)) return true;
    return false;
  }

  /**
   * The calls of one day (`2026-11-21`), a JSON text each; those archived twice once.
   * @param caller only his, in E.164
   */
  async *day(day: string, caller: string | null = null): AsyncGenerator<string> {
    const seen = new Set<string>();
    // The latest first: a call that changed between two tries is as the later one wrote it.
    for (const name of (await this.#namesOf(day)).reverse()) {
      for (const line of linesOf(await this.#load(name), caller)) {
        const { id, caller: his } = JSON.parse(line) as Call;
        if (!seen.has(id) && (caller === null || his.number === caller)) yield line;
        seen.add(id);
      }
    }
  }

  /**
   * Rewrites what the calls of a day say, file by file, each as a whole or not at all.
   * @param caller in E.164: only calls of his are looked at
   * @param change the call as it is to be from now on
   * @param goOn asked before each file, and before it is written: another gateway may have rewritten it meanwhile
   * @returns false where it was told to stop
   */
  async rewriteDay(
    day: string,
    caller: string,
    change: (call: Call) => Promise<Call>,
    goOn: () => Promise<boolean>,
  ): Promise<boolean> {
    for (const name of await this.#namesOf(day)) {
      if (!(await goOn())) return false;
      const text = await this.#load(name);
      if (!text.includes(caller)) continue;
      const lines: string[] = [];
      let changed = false;
      for (const line of linesOf(text, null)) {
        const call = line.includes(caller) ? (JSON.parse(line) as Call) : null;
        const his = call?.caller.number === caller;
        lines.push(call && his ? JSON.stringify(await change(call)) : line);
        changed ||= his;
      }
      if (!changed) continue;
      if (!(await goOn())) return false;
      await this.#save(name, Buffer.from(lines.map((line) => `${line}\n`).join('')));
    }
    return true;
  }

  async #namesOf(day: string): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.files.files(folderOf(day))) if (name.endsWith(ENDING)) names.push(name);
    return names.sort();
  }

  /** Of a file that is broken, or encrypted by a key that is gone, the error names it: nobody finds it otherwise. */
  async #load(name: string): Promise<Buffer> {
    try {
      const kept = await this.files.load(name);
      return kept ? await unzip(kept, { maxOutputLength: MAX_TEXT_BYTES }) : Buffer.alloc(0);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      throw new Error(`${name} cannot be read: ${toError(error).message}`, { cause: error });
    }
  }

  /** Compares what the store gives back. */
  async #save(name: string, text: Buffer): Promise<void> {
    await this.files.save(name, await zip(text));
    if (digest(await this.#load(name)) !== digest(text)) throw new Error('archived calls differ from what was written');
  }
}

/** What a gateway can read: the archive that calls leave for, and the one that they left for before the store was another. */
export class CallArchives {
  constructor(private readonly all: readonly CallArchive[]) {}

  /** As of one archive. */
  async days(): Promise<string[]> {
    const days = await Promise.all(this.all.map((archive) => archive.days()));
    return [...new Set(days.flat())].sort();
  }

  /** As of one archive. */
  async has(day: string): Promise<boolean> {
    for (const archive of this.all) if (await archive.has(day)) return true;
    return false;
  }

  /** As of one archive; what left twice is in both. */
  async *day(day: string, caller: string | null = null): AsyncGenerator<string> {
    const seen = new Set<string>();
    for (const archive of this.all) {
      for await (const line of archive.day(day, caller)) {
        const { id } = JSON.parse(line) as Call;
        if (!seen.has(id)) yield line;
        seen.add(id);
      }
    }
  }
}

/** @param wanted only lines in which this occurs */
function* linesOf(text: Buffer, wanted: string | null): Generator<string> {
  if (wanted !== null && !text.includes(wanted)) return;
  for (const line of text.toString('utf8').split('\n'))
    if (line !== '' && (wanted === null || line.includes(wanted))) yield line;
}

/** In the order in which calls left. */
function fileOf([first]: readonly ArchivedCall[]): string {
  const [generation = '', place = ''] = first?.place.split('.') ?? [];
  return `${generation}-${place.padStart(12, '0')}`;
}

const numeric = (names: string[]): string[] => names.filter((name) => /^\d+$/.test(name)).sort();
const folderOf = (day: string): string => `${FOLDER}${day.replaceAll('-', '/')}/`;
const dayOf = (doc: string): string => (JSON.parse(doc) as Call).startedAt.slice(0, 10);
const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
