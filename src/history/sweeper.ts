import type { ArchivedCall, CallArchive } from './archive.js';

/** A call that is to leave the history; `doc` is "" where it has left already. */
export interface LeavingCall extends ArchivedCall {
  /** Another one with each change of it. */
  state: string;
}

/** All reject with GW_ERR_REDIS_AWAY. */
export interface LeavingCalls {
  /** What the clock of Redis shows, ms since the epoch. */
  clock(): Promise<number>;
  /** The oldest calls that began before `before`, in the order of their places; none while the index is rebuilt. */
  oldest(before: number, most: number): Promise<LeavingCall[]>;
  /** Takes them out of Redis; stops at one that has changed since. @returns how many */
  drop(calls: readonly LeavingCall[]): Promise<number>;
}

interface SweeperOptions {
  calls: LeavingCalls;
  /** null: older calls are only deleted. */
  archive: () => Pick<CallArchive, 'write'> | null;
  retentionMs: () => number;
}

const BATCH = 200;
/** Of one sweep: what is left waits for the next one. */
const MOST_BATCHES = 500;

/** Lets calls leave Redis at the end of their retention: into the archive first, out of Redis when they are there. */
export class HistorySweeper {
  constructor(private readonly options: SweeperOptions) {}

  /**
   * Rejects with the store's error: nothing is lost then, the calls stay where they are until a later sweep.
   * @param goOn asked before each batch, and before each file of the archive
   * @returns how many calls left
   */
  async sweep(goOn: () => Promise<boolean>): Promise<number> {
    const { calls, archive, retentionMs } = this.options;
    let gone = 0;
    // What has left does not come back: two clocks must agree that its time is over.
    const now = Math.min(Date.now(), await calls.clock());
    for (let batch = 0; batch < MOST_BATCHES && (await goOn()); batch += 1) {
      const oldest = await calls.oldest(now - retentionMs(), BATCH);
      if (oldest.length === 0) break;
      const leaving = oldest.filter(({ doc }) => doc !== '');
      if ((await archive()?.write(leaving, goOn)) === false) break;
      const dropped = await calls.drop(oldest);
      gone += dropped;
      if (dropped === 0) break;
    }
    return gone;
  }
}
