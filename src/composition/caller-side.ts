import type { Logger } from 'pino';
import { CallAmender } from '../call/amender.js';
import type { EventType } from '../call/event-types.js';
import type { Admissions } from '../call/ports.js';
import type { CallRegistry } from '../call/registry.js';
import type { GatewayConfig } from '../config/schema.js';
import type { CallEditor, CallReader } from '../http/ports.js';
import { toError } from '../lib/deadline.js';
import { RateBook } from '../numbers/rate-book.js';
import { MAX_HOLDERS } from '../redis/admissions.js';
import { RedisAmendments } from '../redis/amendments.js';
import { RedisCallRates } from '../redis/call-rates.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { callEditor } from './call-editor.js';

interface CallerSideParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  registry: CallRegistry;
  /** Of the call store. */
  owner: string;
  onQueued: (endpoints: string[]) => void;
  endpointsFor: (site: string | null, type: EventType) => string[];
  logger: Logger;
}

/** How soon a gateway sees what others want of its calls. */
const SWEEP_MS = 3000;

/** What is known of callers beside their call, and what is done with calls beside connecting them. */
export class CallerSide {
  readonly rates: RateBook;
  readonly #amender: CallAmender;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(private readonly parts: CallerSideParts) {
    const { config, link, keys, logger, registry, owner, onQueued, endpointsFor } = parts;
    const store = new RedisCallRates(link, keys);
    this.rates = new RateBook({ sites: () => config().sites, store, mostHolders: MAX_HOLDERS, logger });
    const amendments = new RedisAmendments(link, keys, owner, onQueued);
    this.#amender = new CallAmender({
      store: amendments,
      living: (callId) => registry.find(callId),
      endpointsFor,
      logger,
    });
  }

  editor(calls: Pick<CallReader, 'get'>, admissions: Admissions): CallEditor {
    return callEditor(this.#amender, calls, admissions);
  }

  start(): void {
    this.rates.start();
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => this.#sweep());
    }, SWEEP_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
    await this.rates.stop();
  }

  async #sweep(): Promise<void> {
    try {
      await this.#amender.sweep();
    } catch (error) {
      this.parts.logger.debug({ err: toError(error) }, 'changes of calls wait for Redis');
    }
  }
}
