import type { Logger } from 'pino';
import type { Call } from '../call/call.js';
import { withoutCaller } from '../call/erasure.js';
import type { CallArchive } from './archive.js';

/** A caller who is to be forgotten in an archive. */
export interface ArchiveErasure {
  id: string;
  /** E.164 */
  number: string;
  /** ISO 8601. */
  at: string;
  /** The key that asked. */
  by: string;
  /** The last day (`2026-11-21`) that is done; null: none. */
  after: string | null;
}

/** What became of the recording of an archived call. */
export interface ErasedRecording {
  /** `away`: only the disk of `gateway` has it. */
  recording: 'deleted' | 'held' | 'away' | 'none';
  gateway: string;
  sha256: string | null;
  bytes: number | null;
}

/** What has been forgotten so far. It does not hold the number. */
export interface ArchivedErasure {
  id: string;
  /** ISO 8601. */
  at: string;
  by: string;
  /** `waiting`: there are archives in which he is not forgotten yet. */
  archive: 'done' | 'waiting';
  /** Gateways of which one has to do it: with the disk, or the store, that the archive is on. */
  waitingFor: string[];
  calls: ({ id: string } & ErasedRecording)[];
}

/** Erasures that outlive a gateway's end. All reject with GW_ERR_REDIS_AWAY. */
export interface ArchiveErasures {
  /** Calls are archived in this store: whom to ask when somebody is to be forgotten. */
  noteStore(store: string, gateway: string): Promise<void>;
  /** Asks all stores there are, and this one. */
  add(erasure: Omit<ArchiveErasure, 'after'>, store: string, gateway: string): Promise<void>;
  /** How many erasures are not done yet, in any store. */
  count(): Promise<number>;
  /** The oldest one that is not done in this store. */
  next(store: string): Promise<ArchiveErasure | null>;
  noteCall(id: string, callId: string, recording: ErasedRecording): Promise<void>;
  /** @param day the last one that is done; null: all are */
  noteDay(id: string, store: string, day: string | null): Promise<void>;
  read(id: string): Promise<ArchivedErasure | null>;
}

interface EraserOptions {
  /** All that this gateway can write to. */
  archives: readonly CallArchive[];
  gateway: () => string;
  erasures: ArchiveErasures;
  /** Repeating it is harmless. */
  eraseRecording: (call: Call, asked: { at: string; by: string; from: null }) => Promise<ErasedRecording>;
  logger: Logger;
}

/**
 * Forgets callers in archived calls. Day by day and file by file, so that it goes on where it was broken off, whoever
 * goes on; what was changed before that is changed already. Calls that are still in Redis must have been erased before:
 * whichever leave for the archive meanwhile are found here, because only the gateway that lets calls leave does this.
 */
export class ArchiveEraser {
  constructor(private readonly options: EraserOptions) {}

  /** Where calls were archived is asked of Redis by whoever forgets somebody: one that has lost its data is told anew. */
  async tellStores(): Promise<void> {
    const { archives, erasures, gateway } = this.options;
    for (const archive of archives)
      if (await archive.isUsed()) await erasures.noteStore(await archive.store(), gateway());
  }

  async isDue(): Promise<boolean> {
    const { archives, erasures } = this.options;
    if ((await erasures.count()) === 0) return false;
    for (const archive of archives) if ((await erasures.next(await archive.store())) !== null) return true;
    return false;
  }

  /** @param goOn asked before each file */
  async run(goOn: () => Promise<boolean>): Promise<void> {
    const { archives, erasures } = this.options;
    if ((await erasures.count()) === 0) return;
    for (const archive of archives) if (!(await this.#runIn(archive, goOn))) return;
  }

  /** @returns false where it was told to stop */
  async #runIn(archive: CallArchive, goOn: () => Promise<boolean>): Promise<boolean> {
    const { erasures, logger } = this.options;
    const store = await archive.store();
    for (;;) {
      const erasure = await erasures.next(store);
      if (!erasure) return true;
      if (!(await goOn()) || !(await this.#erase(erasure, archive, goOn))) return false;
      await erasures.noteDay(erasure.id, store, null);
      logger.info({ erasure: erasure.id }, 'a caller is forgotten in the archive');
    }
  }

  async #erase(erasure: ArchiveErasure, archive: CallArchive, goOn: () => Promise<boolean>): Promise<boolean> {
    const { erasures } = this.options;
    const store = await archive.store();
    const forget = async (call: Call): Promise<Call> => {
      const { at, by } = erasure;
      const recording = await this.options.eraseRecording(call, { at, by, from: null });
      // Before the file is written: what breaks off in between is done again, and told once.
      await erasures.noteCall(erasure.id, call.id, recording);
      return withoutCaller(call, recording.recording === 'held' || recording.recording === 'away');
    };
    for (const day of await archive.days()) {
      if (erasure.after !== null && day <= erasure.after) continue;
      if (!(await archive.rewriteDay(day, erasure.number, forget, goOn))) return false;
      await erasures.noteDay(erasure.id, store, day);
    }
    return true;
  }
}
