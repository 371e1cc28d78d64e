import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import type { OperationalEvent } from '../events/catalogue.js';
import { capacityEvent, ScarcityTeller } from '../events/scarcity.js';
import { RedisChannels, type ScarcityWatch } from '../redis/channels.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { untoldLevels } from '../redis/scarcity.js';
import { limitsOf } from '../routing/limits.js';
import { LimitWatch } from '../trunks/limit-watch.js';

interface LimitParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  /** To whoever subscribed to it. */
  tell: (event: OperationalEvent, subject: string) => Promise<void>;
  logger: Logger;
}

/** The channels of trunks, destinations and lines: held, watched, and told of where they become scarce. */
export class Limits {
  readonly channels: RedisChannels;
  /** For whoever takes a channel: when it is scarce, and whom to wake. */
  readonly scarcity: ScarcityWatch;
  readonly #watch: LimitWatch;

  constructor({ config, link, keys, tell, logger }: LimitParts) {
    const teller = new ScarcityTeller(untoldLevels(link, keys), capacityEvent, tell, logger);
    this.scarcity = { high: () => config().capacity.high, onUntold: (resource) => teller.wake(resource) };
    this.channels = new RedisChannels(link, keys, {
      onFallback: (alone) => logger.warn({ holdFor: alone ? 'this gateway alone' : 'all gateways' }, 'channel limits'),
      scarcity: this.scarcity,
    });
    this.#watch = new LimitWatch(
      () => limitsOf(config()),
      (limits) => this.channels.watch(limits),
    );
  }

  start(): void {
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }
}
