import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import { inBackground } from '../lib/background.js';
import { systemClock } from '../lib/clock.js';
import { toError } from '../lib/deadline.js';
import { ContactKeepAlive } from '../lines/keep-alive.js';
import { registeringLines } from '../lines/registering.js';
import { Registrar } from '../lines/registrar.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisRegistrations } from '../redis/registrations.js';
import type { DrachtioSipSide } from '../sip/sip-side.js';

/** Registrations that other gateways have taken: who moves to this one is known then. */
const RECALL_EVERY_MS = 60_000;

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
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: PhonesParts) {
    const { config, link, keys, metrics, logger, sip } = parts;
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
    link.on('up', () => inBackground(this.#recall()));
  }

  start(): void {
    this.#keepAlive.start();
    this.#timer = setInterval(() => inBackground(this.#recall()), RECALL_EVERY_MS);
    inBackground(this.#recall());
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#keepAlive.stop();
    this.registrar.stop();
  }

  async #recall(): Promise<void> {
    const { config, logger } = this.parts;
    const users = new Map(config().lines.flatMap(({ id, register }) => (register ? [[id, register.username]] : [])));
    if (users.size === 0) return;
    try {
      for (const [line, { phones }] of await this.registrations.registrations([...users.keys()]))
        for (const { address, expiresAt } of phones)
          this.registrar.recall(users.get(line) ?? '', address, Date.parse(expiresAt));
    } catch (error) {
      logger.debug({ err: toError(error) }, 'registered phones not recalled this time');
    }
  }
}
