import { createHash } from 'node:crypto';
import type { Call } from '../../call/call.js';
import type { CallHistory, MissedCaller, MissedPage, MissedQuery } from '../../history/query.js';
import { systemClock, type Clock } from '../../lib/clock.js';
import { withDeadline } from '../../lib/deadline.js';

/** For so long a reading serves everybody who asks for the same. */
const SHARED_MS = 1_000;
const READ_TIMEOUT_MS = 10_000;
/** Read at a time: Redis serves nobody else meanwhile. */
const SLICE = 500;

export interface QueueQuestion extends Pick<MissedQuery, 'sites' | 'view' | 'limit'> {
  /** From where on, of the page before. */
  cursor: string | null;
}

/** One caller, as the page needs him: what follows from the time of day is not in it. */
export interface QueuedCaller extends Omit<MissedCaller, 'call' | 'waitingSeconds'> {
  /** Of the last of his lost calls; null where that has left the history. */
  call: { caller: Pick<Call['caller'], 'number' | 'name' | 'withheld'>; lossReason: Call['lossReason'] } | null;
  /** How long it took; null while he waits. */
  tookSeconds: number | null;
}

export interface QueueState extends Pick<MissedPage, 'next' | 'waiting' | 'waitingForCapacity'> {
  callers: readonly QueuedCaller[];
  /** The same as long as nothing has changed. */
  version: string;
}

/** The queue of missed callers, read once a second for all who look at the same of it, and not at all while nobody does. */
export class QueueBoard {
  readonly #readings = new Map<string, { state: Promise<QueueState>; until: number }>();

  constructor(
    private readonly options: { history: Pick<CallHistory, 'missedQueue'>; clock?: Clock },
    private readonly sharedMs = SHARED_MS,
  ) {}

  /** @param anew for who has just changed something himself, maybe at another gateway */
  read(question: QueueQuestion, anew: boolean): Promise<QueueState> {
    const now = (this.options.clock ?? systemClock)();
    const key = JSON.stringify([question.sites, question.view, question.limit, question.cursor]);
    const there = this.#readings.get(key);
    if (there && now < there.until && !anew) return there.state;
    const state = withDeadline(this.#readAll(question), READ_TIMEOUT_MS, 'reading the missed calls');
    const reading = { state, until: now + this.sharedMs };
    this.#readings.set(key, reading);
    const forget = () => this.#readings.get(key) === reading && this.#readings.delete(key);
    setTimeout(forget, this.sharedMs).unref();
    state.catch(forget);
    return state;
  }

  async #readAll({ cursor, limit, ...question }: QueueQuestion): Promise<QueueState> {
    // Between two slices somebody may come, and move others from one to the next.
    const callers = new Map<string, QueuedCaller>();
    let next = cursor;
    for (let left = limit; ; left -= SLICE) {
      const { history } = this.options;
      const page = await history.missedQueue({ ...question, cursor: next, limit: Math.min(SLICE, left) });
      for (const caller of page.callers.map(factsOf)) callers.set(keyOf(caller), caller);
      next = page.next;
      if (next !== null && left > SLICE) continue;
      const { waiting, waitingForCapacity } = page;
      const state = { callers: [...callers.values()], next, waiting, waitingForCapacity };
      return { ...state, version: createHash('sha1').update(JSON.stringify(state)).digest('base64url') };
    }
  }
}

/** Of this caller in each drawing: that of his last call changes with the next one. */
export const keyOf = ({ site, call, callId, settledAt }: QueuedCaller): string =>
  [site, call?.caller.number ?? callId, settledAt].join(' ');

function factsOf({ call, waitingSeconds, ...missed }: MissedCaller): QueuedCaller {
  const { number = null, name = null, withheld = false } = call?.caller ?? {};
  return {
    ...missed,
    call: call && { caller: { number, name, withheld }, lossReason: call.lossReason },
    tookSeconds: missed.state === 'waiting' ? null : waitingSeconds,
  };
}
