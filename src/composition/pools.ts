import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import type { OperationalEvent } from '../events/catalogue.js';
import { poolEvent, ScarcityTeller } from '../events/scarcity.js';
import type { PoolNow } from '../http/ports.js';
import type { CallRateSource } from '../numbers/rate-book.js';
import type { NumberSource } from '../http/numbers.js';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { LeaseDesk, type DeskHooks, type LeaseOutcome } from '../leases/desk.js';
import { PromoDesk } from '../leases/promo-desk.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import { Repetition } from '../observability/repetition.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisInventory } from '../redis/inventory.js';
import { RedisLeases } from '../redis/leases.js';
import { RedisPromoCodes } from '../redis/promo-codes.js';
import { RedisNumbers } from '../redis/numbers.js';
import { untoldPoolChanges } from '../redis/scarcity.js';

export interface PoolParts {
  link: RedisLink;
  keys: Keys;
  config: () => GatewayConfig;
  metrics: GatewayMetrics;
  logger: Logger;
  /** To whoever subscribed to it. */
  tell: (event: OperationalEvent, subject: string) => Promise<void>;
}

/** A gateway's word on which numbers its file names holds for a day: said each hour, it never runs out. */
const KEEP_WORD_MS = 3_600_000;
const WRITE_AGAIN_MS = 5_000;

/** Tracking numbers, the pools of them, and who lends from these. */
export class Pools {
  /** What the HTTP interface needs of it. */
  readonly http: { leases: LeaseDesk; numbers: NumberSource };
  readonly promo: PromoDesk;
  readonly #numbers: RedisNumbers;
  readonly #store: RedisLeases;
  readonly #askers = new Repetition();
  readonly #unwritten = new Repetition();
  #timer: NodeJS.Timeout | undefined;
  #writeAgain: NodeJS.Timeout | undefined;
  #stopped = false;
  #publishing: Promise<void> = Promise.resolve();

  constructor(private readonly parts: PoolParts) {
    const { link, keys, config, metrics, logger } = parts;
    const teller = new ScarcityTeller(untoldPoolChanges(link, keys), poolEvent, parts.tell, logger);
    this.#numbers = new RedisNumbers(link, keys, config().gateway.id);
    this.#store = new RedisLeases(link, keys, { onUntold: (site) => teller.wake(`pool:${site}`) });
    const siteOf = (site: string) => config().sites.find(({ id }) => id === site);
    const onOutcome = (site: string, outcome: LeaseOutcome): void => {
      metrics.lease(site, outcome);
      if (outcome === 'held') this.#warnOfAsker(site);
    };
    this.promo = new PromoDesk(
      new RedisPromoCodes(link, keys),
      (site) => siteOf(site)?.promo ?? null,
      (site) => {
        onOutcome(site, 'held');
      },
    );
    const hooks: DeskHooks = { onOutcome, onFallback: (site) => metrics.poolFallback(site) };
    const leases = new LeaseDesk(this.#store, (site) => siteOf(site)?.pool ?? null, hooks, this.promo);
    const names = () => ({
      sites: config().sites.map(({ id }) => id),
      routes: config().routes.map(({ id }) => id),
      destinations: config().destinations.map(({ number }) => number),
      fallbacks: config().sites.flatMap(({ pool }) => pool.fallback ?? []),
    });
    this.http = { leases, numbers: { inventory: new RedisInventory(link, keys), names } };
  }

  start(): void {
    this.#timer = setInterval(() => {
      inBackground(this.#afterOthers(() => this.#numbers.keepWord()));
    }, KEEP_WORD_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#writeAgain);
  }

  /** The numbers of the configuration go where all numbers stand. Never rejects: it is tried again until they do. */
  publishNumbers(): Promise<void> {
    return this.#afterOthers(async () => {
      clearTimeout(this.#writeAgain);
      try {
        await this.#numbers.write(this.parts.config().numbers);
      } catch (error) {
        // Redis may be there and take no writes; when it does again no new connection tells of it.
        const again = (): void => inBackground(this.publishNumbers());
        if (!this.#stopped) this.#writeAgain = setTimeout(again, WRITE_AGAIN_MS);
        throw error;
      }
    });
  }

  /** One after the other: what was read of an older configuration must not come behind the newer one. */
  #afterOthers(work: () => Promise<void>): Promise<void> {
    this.#publishing = this.#publishing.then(work).catch((error: unknown) => {
      const err = toError(error);
      if (this.#unwritten.isNews(err.message))
        this.parts.logger.warn({ err }, 'numbers of the configuration not written');
    });
    return this.#publishing;
  }

  #warnOfAsker(site: string): void {
    if (!this.#askers.isNews('held')) return;
    const text =
      'one address holds its share of the numbers or codes: a program, or a proxy that is not in http.trustedProxies';
    this.parts.logger.warn({ site }, text);
  }

  /** For the report on them. */
  async now(rates: CallRateSource): Promise<PoolNow[]> {
    const { sites } = this.parts.config();
    const counts = await this.#store.count(sites.map(({ id }) => id));
    return counts.map(({ site, free, total }, i) => {
      const { lease = 0, quarantine = 0 } = sites[i]?.pool ?? {};
      const seconds = { leaseSeconds: lease / 1000, quarantineSeconds: quarantine / 1000 };
      return { site, free, numbers: total, ...seconds, rates: rates.of(site) };
    });
  }

  async fillGauges(): Promise<void> {
    const sites = this.parts.config().sites.map(({ id }) => id);
    for (const { site, free, total } of await this.#store.count(sites)) this.parts.metrics.pool(site, free, total);
  }
}
