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
  outcome: 'whole' | 'begun' | 'going on';
  /** Calls that the index found before, and calls that there are. */
  found: number;
  calls: number;
}

/** All reject with GW_ERR_REDIS_AWAY. */
export interface HistoryIndex {
  state(): Promise<IndexState>;
  /** Whether a rebuild goes on, or has left a former index behind. */
  isDue(): Promise<boolean>;
  /** Begins a rebuild where the index is not what the calls are, or where it is asked for. Changes nothing of the calls. */
  begin(force: boolean): Promise<IndexCheck>;
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

  /** Whether the index is what the calls are; begins a rebuild where it is not. */
  async check(): Promise<void> {
    const { outcome, found, calls } = await this.index.begin(false);
    if (outcome === 'begun') this.logger.warn({ found, calls }, 'the index of the history is not whole: rebuilding it');
  }

  /**
   * Goes on with a rebuild that has begun, until it is done.
   * @param goOn asked before each step
   */
  async run(goOn: () => Promise<boolean>): Promise<void> {
    if (!(await this.index.isDue())) return;
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
