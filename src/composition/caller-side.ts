import type { Logger } from 'pino';
import { CallAmender } from '../call/amender.js';
import { Aftercare } from '../call/aftercare.js';
import { amendmentOf, type AmendmentKind } from '../call/amendments.js';
import type { Call } from '../call/call.js';
import type { Callers, PromoCodes } from '../call/deps.js';
import type { EventType } from '../call/event-types.js';
import type { Admissions } from '../call/ports.js';
import type { CallRegistry } from '../call/registry.js';
import type { GatewayConfig } from '../config/schema.js';
import type { CallReader, CallerEraser, ScreeningEditor } from '../http/ports.js';
import { toError } from '../lib/deadline.js';
import { RateBook } from '../numbers/rate-book.js';
import { MAX_HOLDERS } from '../redis/admissions.js';
import type { CallersRecordings, Forgetting } from '../recordings/archive.js';
import type { AuditLog } from '../recordings/audit.js';
import { RedisAmendments } from '../redis/amendments.js';
import { RedisCallbacks } from '../redis/callbacks.js';
import { RedisCallers } from '../redis/callers.js';
import { RedisErasure } from '../redis/erasure.js';
import { RedisCallRates } from '../redis/call-rates.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisScreening } from '../redis/screening.js';
import { ListBook } from '../screening/lists.js';
import { callEditor } from './call-editor.js';
import { callbackDesk } from './callback-desk.js';
import { countriesOf } from './countries.js';
import { callerEraser } from './eraser.js';
import type { History } from './history.js';
import { recordingControl } from './recording-control.js';
import { screeningEditor } from './screening-editor.js';

interface CallerSideParts {
  config: () => GatewayConfig;
  link: RedisLink;
  admissions: Admissions;
  promoCodes: PromoCodes;
  /** Repeating it is harmless. */
  eraseRecordings: (number: string, callIds: readonly string[], asked: Forgetting) => Promise<CallersRecordings>;
  history: () => History;
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
  /** As calls see it. */
  readonly callers: Callers;
  readonly screening: ScreeningEditor;
  readonly eraser: CallerEraser;
  readonly #amender: CallAmender;
  readonly #aftercare: Aftercare;
  readonly #lists: ListBook;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(private readonly parts: CallerSideParts) {
    const { config, link, keys, logger, registry, owner, onQueued, endpointsFor, admissions } = parts;
    const store = new RedisCallRates(link, keys);
    this.rates = new RateBook({ sites: () => config().sites, store, mostHolders: MAX_HOLDERS, logger });
    const amendments = new RedisAmendments(link, keys, owner, onQueued);
    this.#amender = new CallAmender({
      store: amendments,
      living: (callId) => registry.find(callId),
      endpointsFor,
      logger,
    });
    const history = new RedisCallers(link, keys);
    this.#aftercare = new Aftercare({
      history,
      calls: amendments,
      amender: this.#amender,
      admissions,
      promoCodes: parts.promoCodes,
      judge: { config, callRates: this.rates },
      logger,
    });
    this.eraser = callerEraser({
      erasure: new RedisErasure(link, keys),
      callers: history,
      calls: amendments,
      eraseRecordings: parts.eraseRecordings,
      history: {
        search: (query) => parts.history().http.history.search(query),
        generation: () => parts.history().http.history.generation(),
      },
      archive: {
        eraseCaller: (...erasure) => parts.history().eraseCaller(...erasure),
        erasure: (id) => parts.history().erasure(id),
      },
    });
    const screening = new RedisScreening(link, keys);
    this.#lists = new ListBook({ sites: () => config().sites, store: screening, logger });
    this.screening = screeningEditor(screening, this.#lists, config);
    this.callers = {
      arrived: (call) => this.#aftercare.arrived(call),
      judged: (call, known) => this.#aftercare.judged(call, known),
      deferred: (call) => this.#aftercare.deferred(call),
      codeGiven: (call, code) => this.#aftercare.codeGiven(call, code),
      lists: (site) => this.#lists.of(site),
    };
  }

  /** What the HTTP interface does with calls. */
  http(calls: Pick<CallReader, 'get'>, audit: Pick<AuditLog, 'write'>) {
    const { admissions, promoCodes, registry, config, link, keys } = this.parts;
    return {
      screening: this.screening,
      callEditor: callEditor(this.#amender, calls, admissions, promoCodes),
      callbacks: callbackDesk(new RedisCallbacks(link, keys), this.#amender, () => countriesOf(config())),
      recordingControl: recordingControl(registry, calls, audit, () => config().gateway.id),
    };
  }

  /** Changes a call in the gateway's own name. Rejects as `CallAmender.amend`. */
  async amend(callId: string, change: AmendmentKind, at?: string): Promise<void> {
    await this.#amender.amend(callId, amendmentOf(change, 'gateway', at));
  }

  /** The end of a call was written. */
  ended(call: Call): void {
    this.#aftercare.ended(call);
  }

  start(): void {
    this.rates.start();
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => this.#sweep());
    }, SWEEP_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#aftercare.stop();
    await this.#sweeping;
    await this.rates.stop();
  }

  async #sweep(): Promise<void> {
    try {
      await this.#amender.sweep();
      await this.#aftercare.sweep();
      await this.#lists.refresh();
    } catch (error) {
      this.parts.logger.debug({ err: toError(error) }, 'changes of calls wait for Redis');
    }
  }
}
