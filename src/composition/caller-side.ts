import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import { RateBook } from '../numbers/rate-book.js';
import { MAX_HOLDERS } from '../redis/admissions.js';
import { RedisCallRates } from '../redis/call-rates.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';

interface CallerSideParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  logger: Logger;
}

/** What is known of callers beside their call, and who keeps it. */
export class CallerSide {
  readonly rates: RateBook;

  constructor({ config, link, keys, logger }: CallerSideParts) {
    const store = new RedisCallRates(link, keys);
    this.rates = new RateBook({ sites: () => config().sites, store, mostHolders: MAX_HOLDERS, logger });
  }

  start(): void {
    this.rates.start();
  }

  async stop(): Promise<void> {
    await this.rates.stop();
  }
}
