import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import type { CallArchive, ArchivedCall } from './archive.js';

/** A call that is to leave the history; `doc` is "" where it has left already. */
export interface LeavingCall extends ArchivedCall {
  /** Of its last event. */
  sequence: string;
}

/** All reject with GW_ERR_REDIS_AWAY. */
export interface LeavingCalls {
  /** Whether this gateway is the one that sweeps now: it has the lease, or takes it. */
  lease(): Promise<boolean>;
  /** The oldest calls that began before `before`, in the order of their places. */
  oldest(before: number, most: number): Promise<LeavingCall[]>;
  /** Takes them out of Redis; stops at one that has changed since. @returns how many */
  drop(calls: readonly LeavingCall[]): Promise<number>;
}

interface SweeperOptions {
  calls: LeavingCalls;
  /** null: older calls are only deleted. */
  archive: () => CallArchive | null;
  retentionMs: () => number;
  logger: Logger;
  now?: () => number;
}

const EVERY_MS = 600_000;
const BATCH = 200;
/** Of one sweep: what is left waits for the next one. */
const MOST_BATCHES = 500;

/** Lets calls leave Redis at the end of their retention: into the archive first, out of Redis when they are there. */
export class HistorySweeper {
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(private readonly options: SweeperOptions) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => this.#turn());
      inBackground(this.#sweeping);
    }, EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  async #turn(): Promise<void> {
    try {
      const gone = await this.sweep();
      if (gone > 0) this.options.logger.info({ calls: gone }, 'calls left the history');
    } catch (error) {
      // Nothing is lost: the calls stay where they are until a later sweep.
      this.options.logger.warn({ err: toError(error) }, 'calls could not leave the history');
    }
  }

  /** @returns how many calls left */
  async sweep(): Promise<number> {
    const { calls, archive, retentionMs, now = Date.now } = this.options;
    let gone = 0;
    for (let batch = 0; batch < MOST_BATCHES && !this.#stopped; batch += 1) {
      if (!(await calls.lease())) break;
      const oldest = await calls.oldest(now() - retentionMs(), BATCH);
      if (oldest.length === 0) break;
      await archive()?.write(oldest.filter(({ doc }) => doc !== ''));
      const dropped = await calls.drop(oldest);
      gone += dropped;
      if (dropped === 0) break;
    }
    return gone;
  }
}
