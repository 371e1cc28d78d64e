import type { Call, Leg } from '../call/call.js';
import { secondsBetween } from '../call/document.js';
import { isCapacityLoss } from '../routing/loss.js';

export const HOUR_MS = 3_600_000;

/** What is counted about ended calls, by the hour in which they began. */
export type CallCountKey =
  | ['calls', site: string, disposition: string]
  /** A caller whom nobody answered. `target` is "" where nothing was dialled, but for a full trunk. */
  | ['lost', site: string, target: string, reason: string]
  /** Answered, but not where the route wanted him first: `target` had no channel. */
  | ['rerouted', site: string, target: string, reason: string]
  /** The far end said that it was full, although we had a channel. */
  | ['farEnd', resource: string]
  /** What came to a line or destination. */
  | ['leg', site: string, kind: Leg['kind'], target: string, what: LegSum];

export type LegSum = 'offered' | 'answered' | 'missed' | 'ringSeconds' | 'talkSeconds';

export interface CallCount {
  /** Hours since the epoch. */
  hour: number;
  key: CallCountKey;
  count: number;
}

/**
 * What an ended call adds to the reports. A pure function of its document, so that the store can count it in the same
 * step that writes the call's end, once.
 */
export function countsOf(call: Call): CallCount[] {
  const counts: CallCount[] = [];
  const add = (at: string, key: CallCountKey, count = 1) => {
    if (count > 0) counts.push({ hour: Math.floor(Date.parse(at) / HOUR_MS), key, count });
  };
  const site = call.site ?? '';
  add(call.startedAt, ['calls', site, call.disposition ?? 'missed']);
  if (call.disposition === 'missed') {
    add(call.startedAt, ['lost', site, lostAt(call), call.lossReason ?? 'unreachable']);
  }
  if (call.disposition === 'answered' && call.overflow) {
    add(call.startedAt, ['rerouted', site, call.overflow.from, call.overflow.reason]);
  }
  for (const leg of call.legs) {
    if (leg.result === 'capacity') add(leg.startedAt, ['farEnd', `${leg.kind}:${leg.target}`]);
    const sums = legSums(leg, call);
    for (const what of LEG_SUMS) add(leg.startedAt, ['leg', site, leg.kind, leg.target, what], sums[what]);
  }
  return counts;
}

const LEG_SUMS: readonly LegSum[] = ['offered', 'answered', 'missed', 'ringSeconds', 'talkSeconds'];

/** Whole seconds, because sums of them are kept as whole numbers. */
function legSums(leg: Leg, call: Call): Record<LegSum, number> {
  if (leg.result === 'no_channel') return { offered: 0, answered: 0, missed: 0, ringSeconds: 0, talkSeconds: 0 };
  const answered = leg.result === 'answered' ? 1 : 0;
  // Cancelled because another one was faster is nobody's fault.
  const spared = leg.result === 'cancelled' && call.disposition === 'answered';
  return {
    offered: 1,
    answered,
    missed: answered || spared ? 0 : 1,
    ringSeconds: Math.round(secondsBetween(leg.ringingAt, leg.answeredAt ?? leg.endedAt)),
    talkSeconds: Math.round(secondsBetween(leg.answeredAt, leg.endedAt)),
  };
}

const isFull = ({ result }: Leg): boolean => result === 'no_channel' || result === 'capacity';

/**
 * A call lost for want of a channel is lost at the first limit it met (the one to widen; its own trunk where that let nobody
 * in), any other where it was last.
 */
function lostAt(call: Call): string {
  const full = call.legs.find(isFull);
  const forCapacity = call.lossReason !== null && isCapacityLoss(call.lossReason);
  if (call.lossReason === 'trunk_capacity' && call.legs.length === 0) return call.trunk;
  return (forCapacity && full ? full : call.legs.at(-1))?.target ?? '';
}
