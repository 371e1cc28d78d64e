import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

/** How the index by which calls are found stands. */
export interface IndexState {
  state: 'ready' | 'rebuilding';
  /** While it is rebuilt: the calls that there were when that began, and how many of them cannot be found yet. */
  calls: number | null;
  left: number;
  /** When the rebuild began, ISO 8601. */
  since: string | null;
}

export interface IndexCheck {
  whole: boolean;
  /** Calls that the index found before, and calls that there are. */
  found: number;
  calls: number;
}

/** All reject with GW_ERR_REDIS_AWAY. */
export interface HistoryIndex {
  state(): Promise<IndexState>;
  /** Whether a rebuild is asked for, goes on, or has left a former index behind. */
  isDue(): Promise<boolean>;
  /** An index that is being rebuilt is whole. */
  check(): Promise<IndexCheck>;
  /** Asks for a rebuild; nothing where one goes on. */
  ask(): Promise<void>;
  isAsked(): Promise<boolean>;
  /** Completes the list of calls, by which the index is rebuilt, from the calls. @returns false where it was told to stop */
  listCalls(goOn: () => Promise<boolean>): Promise<boolean>;
  /** Begins the rebuild that was asked for: nothing is found from then on but what has been filled. */
  begin(): Promise<void>;
  /** A part of the rebuild. @returns false where nothing is left to do */
  step(): Promise<boolean>;
  /** Removes what former indexes have left. */
  dropFormer(goOn: () => Promise<boolean>): Promise<void>;
}

/**
 * Makes the index of the history anew from the calls themselves, the newest first, while calls go on and are searched
 * (docs/history.md). Each step is small, and waits as long as it took: Redis serves calls at least half of the time.
 */
export class IndexRebuilder {
  constructor(
    private readonly index: HistoryIndex,
    private readonly logger: Logger,
  ) {}

  isDue(): Promise<boolean> {
    return this.index.isDue();
  }

  /** Whether the index is what the calls are; asks for a rebuild where it is not. */
  async check(): Promise<void> {
    const { whole, found, calls } = await this.index.check();
    if (whole) return;
    this.logger.warn({ found, calls }, 'the index of the history is not whole: rebuilding it');
    await this.index.ask();
  }

  /**
   * Rebuilds where that is asked for, or goes on with it, until it is done.
   * @param goOn asked before each step
   */
  async run(goOn: () => Promise<boolean>): Promise<void> {
    if (!(await this.index.isDue())) return;
    if (await this.index.isAsked()) {
      if (!(await this.index.listCalls(goOn))) return;
      await this.index.begin();
    }
    const { state, calls } = await this.index.state();
    for (let more = state === 'rebuilding'; more;) {
      if (!(await goOn())) return;
      const startedAt = performance.now();
      more = await this.index.step();
      await delay(performance.now() - startedAt);
    }
    if (state === 'rebuilding') this.logger.info({ calls }, 'the index of the history is rebuilt');
    await this.index.dropFormer(goOn);
  }
}
