import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { ArchiveEraser } from './eraser.js';
import type { MissedRestorer } from './missed-restorer.js';
import type { IndexRebuilder } from './rebuilder.js';
import type { HistorySweeper } from './sweeper.js';

/** One gateway at a time keeps the history. All reject with GW_ERR_REDIS_AWAY. */
export interface KeeperLease {
  /** Whether it is this one: it has the lease, renews or takes it. */
  lease(): Promise<boolean>;
  /** Whether it still is: what has lapsed may have been another one's meanwhile, and is not taken again. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

interface KeeperOptions {
  lease: KeeperLease;
  rebuilder: IndexRebuilder;
  missed: MissedRestorer;
  eraser: ArchiveEraser;
  sweeper: HistorySweeper;
  logger: Logger;
}

const LOOK_MS = 5_000;
const SWEEP_MS = 600_000;
/** A slow store is waited for longer than the lease lasts. */
const RENEW_MS = 20_000;
/** After a failure, of the store perhaps. */
const REST_MS = 60_000;

/**
 * Keeps the history of calls: rebuilds its index and the queue of missed callers where they are lost, forgets callers in
 * the archive, lets old calls leave. One after the other and on one gateway, so that none of them works on what another
 * one moves.
 */
export class HistoryKeeper {
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #sweepAt = 0;
  #restUntil = 0;
  #working: Promise<void> = Promise.resolve();

  constructor(private readonly options: KeeperOptions) {}

  start(): void {
    this.#timer = setInterval(() => this.wake(), LOOK_MS);
    this.wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#working;
  }

  /** There may be something to do. */
  wake(): void {
    this.#working = this.#working.then(() => this.#turn());
    inBackground(this.#working);
  }

  async #turn(): Promise<void> {
    const now = performance.now();
    if (this.#stopped || now < this.#restUntil) return;
    try {
      const sweep = now >= this.#sweepAt;
      const { lease, rebuilder, eraser } = this.options;
      if (!sweep && !(await rebuilder.isDue()) && !(await eraser.isDue())) return;
      const isOurs = await lease.lease();
      if (sweep) this.#sweepAt = now + SWEEP_MS;
      if (isOurs) await this.#whileOurs(() => this.#work(sweep)).finally(() => lease.release());
      // Each gateway of its own, and last: a store that is away holds up nothing else.
      if (sweep) await eraser.tellStores();
    } catch (error) {
      const away = error instanceof GatewayError && error.code === 'GW_ERR_REDIS_AWAY';
      if (!away) this.#restUntil = now + REST_MS;
      // Nothing is lost: what is not done now is done at a later turn.
      this.options.logger[away ? 'debug' : 'warn']({ err: toError(error) }, 'the history could not be kept');
    }
  }

  async #whileOurs(work: () => Promise<void>): Promise<void> {
    const { lease, logger } = this.options;
    const renew = () =>
      // The work itself looks before each step, and there it counts.
      lease.renew().catch((error: unknown) => logger.debug({ err: toError(error) }, 'the lease could not be renewed'));
    const timer = setInterval(() => inBackground(renew()), RENEW_MS);
    await work().finally(() => clearInterval(timer));
  }

  async #work(sweep: boolean): Promise<void> {
    const { lease, rebuilder, missed, eraser, sweeper, logger } = this.options;
    const goOn = async () => !this.#stopped && (await lease.renew());
    if (sweep) await rebuilder.check();
    await rebuilder.run(goOn);
    await missed.run(goOn);
    try {
      await eraser.run(goOn);
    } finally {
      // One old file that cannot be read would keep all calls in Redis until that is full.
      const gone = sweep ? await sweeper.sweep(goOn) : 0;
      if (gone > 0) logger.info({ calls: gone }, 'calls left the history');
    }
  }
}
