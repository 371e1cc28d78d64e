import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Call } from '../call/call.js';
import { isCapacityLoss } from '../routing/loss.js';
import { MOST_WAITING, type CallHistory } from './query.js';

/** An entry of the queue of missed callers. Times are ms since the epoch. */
export interface LostCaller {
  site: string | null;
  /** E.164 */
  number: string;
  attempts: number;
  firstAt: number;
  lastAt: number;
  /** The last of his lost calls. */
  callId: string;
  forCapacity: boolean;
}

/** All reject with GW_ERR_REDIS_AWAY. */
export interface MissedEntries {
  /** Whether every caller is there who was counted beside the queue. */
  areWhole(): Promise<boolean>;
  /** False where something has happened since his calls were read: then nothing is changed. */
  put(lost: LostCaller): Promise<boolean>;
  /** From now on what is there is all there should be. */
  close(): Promise<void>;
}

const PAGE = 200;
/** Pages of one caller: whoever calls more often has talked to us since, or is none to call back. */
const MOST_PAGES = 5;
const TRIES = 3;
/** Of a number that can be searched for. */
const SHORTEST = '+123'.length;

/**
 * What a caller waits for, by all calls of his at one site; null: nothing. As redis/scripts/lib/history.lua has it call by
 * call: a talk, a call back and a lost call marked as handled settle what was lost before.
 */
export function lostIn(calls: readonly Call[]): Omit<LostCaller, 'site' | 'number'> | null {
  const settledAt = Math.max(0, ...calls.map(settles));
  const lost = calls
    .filter((call) => call.disposition === 'missed' && call.handled === null && endOf(call) > settledAt)
    .map(({ id, startedAt, lossReason }) => ({ id, startedAt: Date.parse(startedAt), lossReason }))
    .toSorted((a, b) => b.startedAt - a.startedAt);
  const [last, first] = [lost[0], lost.at(-1)];
  if (!last || !first) return null;
  const forCapacity = lost.some(({ lossReason }) => lossReason !== null && isCapacityLoss(lossReason));
  return { attempts: lost.length, firstAt: first.startedAt, lastAt: last.startedAt, callId: last.id, forCapacity };
}

function settles(call: Call): number {
  const { disposition, durations, handled } = call;
  // A call back settles what was lost before it, not what was lost before it was told.
  if (handled && disposition === 'missed') return Math.max(endOf(call), Date.parse(handled.callback?.at ?? handled.at));
  return disposition === 'answered' && durations.talkSeconds >= 1 ? endOf(call) : 0;
}

const endOf = ({ startedAt, endedAt }: Call): number => Date.parse(endedAt ?? startedAt);

/**
 * Makes the queue of missed callers anew from the calls where it was lost, the latest first, while calls go on. Callers
 * who are in it stay. What no call tells is not made anew: tries of calling back in vain, and who has left the queue.
 */
export class MissedRestorer {
  constructor(
    private readonly entries: MissedEntries,
    private readonly history: Pick<CallHistory, 'search'>,
    private readonly logger: Logger,
  ) {}

  /** @param goOn asked before each page */
  async run(goOn: () => Promise<boolean>): Promise<void> {
    if (await this.entries.areWhole()) return;
    const seen = new Set<string>();
    let waiting = 0;
    for (let cursor: string | null = null; ;) {
      if (!(await goOn())) return;
      const startedAt = performance.now();
      const page = await this.history.search({ sites: null, disposition: 'missed', cursor, limit: PAGE });
      for (const call of page.calls) {
        const who = `${call.site ?? ''}|${call.caller.number ?? ''}`;
        if (call.handled !== null || seen.has(who)) continue;
        seen.add(who);
        if (await this.#restore(call)) waiting += 1;
      }
      if (page.next === null || waiting >= MOST_WAITING) break;
      cursor = page.next;
      // Redis serves calls at least half of the time.
      await delay(performance.now() - startedAt);
    }
    await this.entries.close();
    this.logger.info({ callers: waiting }, 'the queue of missed callers is made anew from the calls');
  }

  async #restore({ site, caller: { number } }: Call): Promise<boolean> {
    if (number === null || number.length < SHORTEST) return false;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const lost = lostIn(await this.#callsOf(number, site));
      if (!lost) return false;
      if (await this.entries.put({ ...lost, site, number })) return true;
    }
    return false;
  }

  async #callsOf(number: string, site: string | null): Promise<Call[]> {
    const calls: Call[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const found = await this.history.search({ sites: site === null ? null : [site], number, cursor, limit: PAGE });
      calls.push(...found.calls.filter((call) => call.caller.number === number && call.site === site));
      if (found.next === null) break;
      cursor = found.next;
    }
    return calls;
  }
}
