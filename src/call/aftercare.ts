import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { AmendmentStore, CallAmender } from './amender.js';
import { amendmentOf, isSettledEarly, type AmendmentKind } from './amendments.js';
import { judge } from './attribution.js';
import type { Attribution, Call, Verdict } from './call.js';
import { findDeferred } from './deferred.js';
import type { CallDeps, PromoCodes } from './deps.js';
import type { Admissions, KnownCaller } from './ports.js';
import { findByCode } from './promo.js';

/** What callers' histories are kept in. All reject with GW_ERR_REDIS_AWAY. */
export interface HistoryKeeper {
  /** Repeating it changes nothing. */
  note(call: Call): Promise<void>;
  /**
   * Marks at least `olderThanMs` old: a call's id for the end of the call, `<id>|<sequence>` for a later change of it.
   * Each change has its own mark, so that noting an earlier state never removes the mark of a later one.
   */
  due(olderThanMs: number, most: number): Promise<string[]>;
  noted(marks: readonly string[]): Promise<void>;
}

interface AftercareDeps {
  history: HistoryKeeper;
  calls: Pick<AmendmentStore, 'read'>;
  amender: CallAmender;
  admissions: Admissions;
  promoCodes: PromoCodes;
  judge: Pick<CallDeps, 'config' | 'callRates'>;
  logger: Logger;
  recheckMs?: number;
  overdueMs?: number;
}

/** The gateway that ends a call writes its history at once. A mark as old as this was left by a gateway that died. */
const OVERDUE_MS = 10_000;
const AT_ONCE = 50;
/** Some number pools write their leases to Redis a second or so after they have lent them. */
const RECHECK_MS = 10_000;
/** Calls that may wait for their second look at once. Beyond this a call gets none. */
const MOST_RECHECKS = 5000;
/** Kept between two sweeps. Beyond this a history is found by its mark, and written once more. */
const MOST_NOTED = 5000;
/** Asked again with each sweep. Beyond this the mark of the call's end brings the question back. */
const MOST_UNANSWERED = 5000;

/** How much a verdict says: a later one must say more to take its place. */
const RANK: Readonly<Record<Verdict, number>> = {
  deferred: 0,
  none: 0,
  returning: 1,
  ambiguous: 2,
  grace: 3,
  static: 4,
  exact: 4,
  promo: 5,
};

/**
 * What follows a call off its path: its caller's history, and a second look for whose it was. The history stands in the
 * caller's hash tag, the call in another, so the two cannot be one step: the end of a call is marked as due in its own
 * commit, and whoever finds the mark writes the history, once or twice.
 */
export class Aftercare {
  readonly #rechecks = new Set<NodeJS.Timeout>();
  /**
   * What earlier calls had told of the caller when his call came in. By the call's document, which is one object until
   * the call has ended.
   */
  readonly #known = new WeakMap<Call, KnownCaller | null>();
  /** Marks of written histories, still to be taken away; the next sweep does, long before they count as overdue. */
  #noted: string[] = [];
  /** What Redis could not say of calls of this gateway: asked with each sweep until it does. */
  readonly #unanswered = new Set<() => Promise<void>>();

  constructor(private readonly deps: AftercareDeps) {}

  async arrived(call: Call): Promise<void> {
    await this.#tolerant(call.id, () => this.deps.history.note(call));
  }

  judged(call: Call, known: KnownCaller | null): void {
    this.#known.set(call, known);
  }

  deferred(call: Call): Promise<void> {
    return this.#untilAnswered(call, () => this.#findVerdict(call));
  }

  codeGiven(call: Call, code: string): Promise<void> {
    return this.#untilAnswered(call, () => this.#findCode(call, code));
  }

  async #untilAnswered({ id: callId }: Call, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      const { logger } = this.deps;
      logger.debug({ err: toError(error), callId }, 'whose call it was is asked again');
      if (this.#unanswered.size < MOST_UNANSWERED) this.#unanswered.add(ask);
      else logger.warn({ callId }, 'whose call it was is not asked again: too many wait for Redis');
    }
  }

  ended(call: Call): void {
    inBackground(this.#tolerant(call.id, () => this.#note(call)));
    // Not there where this gateway did not judge the call: the verdict was deferred, or the call's own gateway has
    // died.
    const known = this.#known.get(call);
    if (known === undefined || call.numberKind !== 'dynamic' || leaseWasThere(call.attribution)) return;
    if (this.#rechecks.size >= MOST_RECHECKS) return;
    const timer = setTimeout(() => {
      this.#rechecks.delete(timer);
      inBackground(this.#tolerant(call.id, () => this.#recheck(call, known)));
    }, this.deps.recheckMs ?? RECHECK_MS);
    timer.unref();
    this.#rechecks.add(timer);
  }

  stop(): void {
    for (const timer of this.#rechecks) clearTimeout(timer);
  }

  /**
   * Answers what Redis could not answer before, and writes the histories that dead gateways have left. Rejects with
   * GW_ERR_REDIS_AWAY.
   */
  async sweep(): Promise<void> {
    await this.#unmark();
    for (const ask of this.#unanswered) {
      await ask();
      this.#unanswered.delete(ask);
    }
    for (const mark of await this.deps.history.due(this.deps.overdueMs ?? OVERDUE_MS, AT_ONCE)) {
      const [callId = mark] = mark.split('|');
      const stored = await this.deps.calls.read(callId);
      if (stored && isDeferred(stored.call)) await this.#findVerdict(stored.call);
      else if (stored) await this.deps.history.note(stored.call);
      this.#noted.push(mark);
    }
    await this.#unmark();
  }

  async #note(call: Call): Promise<void> {
    await this.deps.history.note(call);
    // The mark stays until the verdict has been found: should this gateway die first, another one looks for it.
    if (call.caller.number === null || isDeferred(call)) return;
    if (this.#noted.length < MOST_NOTED) this.#noted.push(call.id);
  }

  /**
   * Finds the verdict that Redis could not give when the call came, and tells it as a correction. Rejects with
   * GW_ERR_REDIS_AWAY.
   */
  #findVerdict(call: Call): Promise<void> {
    const { admissions } = this.deps;
    return this.#correct(call, () => findDeferred(call, { ...this.deps.judge, admissions }));
  }

  /** Finds whose promo code the caller gave, and tells it as a correction. Rejects with GW_ERR_REDIS_AWAY. */
  #findCode(call: Call, code: string): Promise<void> {
    return this.#correct(call, () => findByCode(call, code, this.deps.promoCodes));
  }

  async #correct(call: Call, find: () => Promise<AmendmentKind | null>): Promise<void> {
    const { amender, history, logger } = this.deps;
    try {
      const change = await find();
      const amended = change && (await amender.amend(call.id, amendmentOf(change, 'gateway')));
      // As it is now: the caller's later calls go by this one.
      if (amended) await history.note(amended);
    } catch (error) {
      if (error instanceof GatewayError && error.retryable) throw error;
      logger.warn({ err: toError(error), callId: call.id }, 'verdict not corrected');
    }
  }

  async #unmark(): Promise<void> {
    if (this.#noted.length === 0) return;
    const noted = this.#noted;
    this.#noted = [];
    await this.deps.history.noted(noted);
  }

  /** A second look: the lease that covers the call's arrival may have been written after it, by a slow pool. */
  async #recheck(call: Call, known: KnownCaller | null): Promise<void> {
    const at = Date.parse(call.startedAt);
    const found = judge(await this.deps.admissions.lookUp(call.trackingNumber, at), known, at, this.deps.judge);
    if (!isBetter(found, call.attribution) || !isNew(found, call.attribution)) return;
    const reason = 'the lease was written after the call had come';
    await this.deps.amender.amend(call.id, amendmentOf({ kind: 'attribution', attribution: found, reason }, 'gateway'));
  }

  async #tolerant(callId: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.deps.logger.debug({ err: toError(error), callId }, 'aftercare of a call left for later');
    }
  }
}

/** What Redis could not tell when the call came is still not known. */
const isDeferred = (call: Call): boolean =>
  call.caller.erased !== true && (call.attribution.verdict === 'deferred' || isSettledEarly(call));

/**
 * Whether a second look is needless: nothing says more than a lease that covered the call's arrival, or than the
 * caller's own code.
 */
function leaseWasThere({ verdict, candidates }: Attribution): boolean {
  return RANK[verdict] >= RANK.exact || candidates.some(({ leaseEndedSecondsAgo }) => leaseEndedSecondsAgo === null);
}

/**
 * Only a lease that nobody knew at the time of the call counts. A lease that the verdict has already weighed may look
 * better now, but only because its past looks different: a visitor who takes his lease back may leave its former end
 * among the holders.
 */
function isNew({ leaseId }: Attribution, old: Attribution): boolean {
  return (
    leaseId !== null && leaseId !== old.leaseId && old.candidates.every((candidate) => candidate.leaseId !== leaseId)
  );
}

const isBetter = (found: Attribution, old: Attribution): boolean => RANK[found.verdict] > RANK[old.verdict];
