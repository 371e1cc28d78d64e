import { SCREENING_ACTIONS, type Screening, type ScreeningAction } from '../call/call.js';
import type { CallerHistory, ScreeningNeeds } from '../call/ports.js';
import type { GatewayConfig } from '../config/schema.js';

export type ScreeningConfig = GatewayConfig['sites'][number]['screening'];

/** Patterns of a site: a number, or the beginning that all of a range have in common (`+7916*`). */
export interface CallerLists {
  allow: readonly string[];
  block: readonly string[];
}

export interface ScreeningQuestion {
  /** null when withheld: nothing is known of him then, and no rule is for him. */
  caller: string | null;
  trackingNumber: string;
  /** When the call came, ms since the epoch. */
  at: number;
  history: Pick<CallerHistory, 'recent'> | null;
  rangeCalls: ReadonlyMap<number, number>;
}

/**
 * Which of the site's rules a call hits, and what is to be done; null where it hits none. Who is on the allow list hits
 * none. The strictest action of all hits is taken.
 */
export function screen(question: ScreeningQuestion, config: ScreeningConfig, lists: CallerLists): Screening | null {
  const { caller } = question;
  if (caller === null || isListed(caller, lists.allow)) return null;
  const hits = [...blocked(caller, config, lists), ...counted(question, config)];
  if (hits.length === 0) return null;
  const strictest = Math.max(...hits.map(({ action }) => SCREENING_ACTIONS.indexOf(action)));
  return { action: SCREENING_ACTIONS[strictest] ?? 'tag', hits };
}

type Hits = Screening['hits'];

function isListed(caller: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? caller.startsWith(pattern.slice(0, -1)) : pattern === caller,
  );
}

function blocked(caller: string, { blockAction }: ScreeningConfig, { block }: CallerLists): Hits {
  return isListed(caller, block) ? [{ rule: 'block', action: blockAction, count: null, limit: null }] : [];
}

function counted({ trackingNumber, at, history, rangeCalls }: ScreeningQuestion, config: ScreeningConfig): Hits {
  const { rate, range, short, hopping } = config;
  const recent = history?.recent ?? [];
  const since = (windowMs: number) => recent.filter((call) => at - call.at <= windowMs);
  const hits: Hits = [];
  const hit = (rule: Hits[number]['rule'], action: ScreeningAction, count: number, limit: number): void => {
    if (count > limit) hits.push({ rule, action, count, limit });
  };
  if (rate) hit('rate', rate.action, since(rate.within).length + 1, rate.calls);
  if (range) hit('range', range.action, rangeCalls.get(range.within) ?? 0, range.calls);
  if (short) {
    // What goes on, or whose end nobody has written, says nothing.
    const ended = since(short.within).filter(({ talkSeconds }) => talkSeconds !== null);
    const longer = ended.findIndex(({ talkSeconds }) => (talkSeconds ?? 0) * 1000 >= short.under);
    // This call is the one after so many short ones.
    hit('short', short.action, longer < 0 ? ended.length : longer, short.calls - 1);
  }
  if (hopping) {
    const numbers = new Set([trackingNumber, ...since(hopping.within).map((call) => call.trackingNumber)]);
    hit('hopping', hopping.action, numbers.size, hopping.numbers - 1);
  }
  return hits;
}

/** A caller's calls that go on now stand in front of those that have ended, and say nothing: of a program there may be many. */
const MOST_GOING_ON = 20;
/** The same number may have been called several times. */
const HOPPING_CALLS = 50;

/** What admission is to ask for, so that every site's rules can be answered. */
export function needsOf(sites: readonly { screening: ScreeningConfig }[]): ScreeningNeeds {
  const all = sites.map(({ screening }) => screening);
  const recentCalls = Math.max(
    0,
    ...all.map(({ rate, short, hopping }) =>
      Math.max(rate?.calls ?? 0, short ? short.calls + MOST_GOING_ON : 0, hopping ? HOPPING_CALLS : 0),
    ),
  );
  const rangeWindows = [...new Set(all.flatMap(({ range }) => range?.within ?? []))].sort((a, b) => b - a);
  return { recentCalls, rangeWindows };
}
