import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import { systemClock } from '../lib/clock.js';
import { ContactKeepAlive } from '../lines/keep-alive.js';
import { registeringLines } from '../lines/registering.js';
import { Registrar } from '../lines/registrar.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisRegistrations } from '../redis/registrations.js';
import type { DrachtioSipSide } from '../sip/sip-side.js';

interface PhonesParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  metrics: GatewayMetrics;
  logger: Logger;
  /** There once the gateway is built; nothing registers before. */
  sip: () => DrachtioSipSide;
}

/** The phones of internal lines: where they registered from, and whether they still answer there. */
export class Phones {
  readonly registrations: RedisRegistrations;
  readonly registrar: Registrar;
  readonly #keepAlive: ContactKeepAlive;

  constructor({ config, link, keys, metrics, logger, sip }: PhonesParts) {
    const edge = () => sip().edge;
    this.registrations = new RedisRegistrations(link, keys, edge);
    this.registrar = new Registrar({
      config,
      store: this.registrations,
      ownAddresses: () => sip().addresses,
      edge,
      count: (result) => metrics.register(result),
      logger,
      clock: systemClock,
    });
    this.#keepAlive = new ContactKeepAlive({
      lines: () => registeringLines(config()),
      store: this.registrations,
      edge,
      ping: (target) => sip().isThere(target),
      logger,
    });
  }

  start(): void {
    this.#keepAlive.start();
  }

  stop(): void {
    this.#keepAlive.stop();
    this.registrar.stop();
  }
}
