import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';
import {
  addCounts,
  type CallRates,
  DEFAULT_RATES,
  noCounts,
  observe,
  type RateCounts,
  ratesFrom,
  type Taught,
} from './call-rates.js';

/** Where the counts of all gateways come together. Both reject with GW_ERR_REDIS_AWAY. */
export interface RateStore {
  add(site: string, counts: RateCounts): Promise<void>;
  read(site: string): Promise<RateCounts>;
}

/** What a call learns from, and teaches. */
export interface CallRateSource {
  of(site: string): CallRates;
  learn(answer: Taught, at: number): void;
}

interface RateBookOptions {
  sites: () => readonly { id: string }[];
  store: RateStore;
  /** As many holders as an admission returns at most. */
  mostHolders: number;
  logger: Logger;
}

/** A few hundred calls change a rate by some percent. */
const EVERY_MS = 60_000;

/**
 * The call rates of each site, in memory, so that a verdict asks nobody. What calls teach is gathered here and given to
 * Redis once a minute, and what all gateways have gathered is read back; what a process had not given away when it died
 * is lost, and nobody misses it.
 */
export class RateBook implements CallRateSource {
  readonly #rates = new Map<string, CallRates>();
  readonly #learned = new Map<string, RateCounts>();
  #timer: NodeJS.Timeout | undefined;
  #turning: Promise<void> = Promise.resolve();

  constructor(private readonly options: RateBookOptions) {}

  of(site: string): CallRates {
    return this.#rates.get(site) ?? DEFAULT_RATES;
  }

  learn(answer: Taught, at: number): void {
    const seen = observe(answer, at, this.options.mostHolders);
    const site = answer.number?.site;
    if (seen === null || site === undefined) return;
    const sum = this.#learned.get(site) ?? noCounts();
    addCounts(sum, seen);
    this.#learned.set(site, sum);
  }

  start(): void {
    const turn = (): void => {
      this.#turning = this.#turning.then(() => this.exchange());
    };
    turn();
    this.#timer = setInterval(turn, EVERY_MS);
  }

  /** Gives away what was learned last. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turning;
    await this.exchange();
  }

  /** One exchange with Redis for each site; what fails is tried again the next time. */
  async exchange(): Promise<void> {
    for (const { id } of this.options.sites()) {
      try {
        await this.#exchangeOf(id);
      } catch (error) {
        this.options.logger.debug({ err: toError(error), site: id }, 'call rates not exchanged');
      }
    }
    // Sites that are no longer configured.
    for (const site of this.#learned.keys()) {
      if (!this.options.sites().some(({ id }) => id === site)) this.#learned.delete(site);
    }
  }

  async #exchangeOf(site: string): Promise<void> {
    const learned = this.#learned.get(site);
    if (learned) {
      // What calls teach meanwhile goes into a new sum.
      this.#learned.delete(site);
      await this.options.store.add(site, learned).catch((error: unknown) => {
        addCounts(learned, this.#learned.get(site) ?? noCounts());
        this.#learned.set(site, learned);
        throw error;
      });
    }
    this.#rates.set(site, ratesFrom(await this.options.store.read(site)));
  }
}
