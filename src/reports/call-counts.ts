import type { Call, Leg } from '../call/call.js';
import { isCapacityLoss } from '../routing/loss.js';

export const HOUR_MS = 3_600_000;

/** What is counted about ended calls, by the hour in which they began. */
export type CallCountKey =
  | ['calls', site: string, disposition: string]
  /** A caller whom nobody answered. `target` is "" where nothing was dialled. */
  | ['lost', site: string, target: string, reason: string]
  /** Answered, but not where the route wanted him first: `target` had no channel. */
  | ['rerouted', site: string, target: string, reason: string]
  /** The far end said that it was full, although we had a channel. */
  | ['farEnd', resource: string];

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
  const add = (at: string, key: CallCountKey) => {
    counts.push({ hour: Math.floor(Date.parse(at) / HOUR_MS), key, count: 1 });
  };
  const site = call.site ?? '';
  add(call.startedAt, ['calls', site, call.disposition ?? 'missed']);
  if (call.disposition === 'missed') {
    add(call.startedAt, ['lost', site, lostAt(call), call.lossReason ?? 'unreachable']);
  }
  if (call.disposition === 'answered' && call.overflow) {
    add(call.startedAt, ['rerouted', site, call.overflow.from, call.overflow.reason]);
  }
  for (const leg of call.legs)
    if (leg.result === 'capacity') add(leg.startedAt, ['farEnd', `${leg.kind}:${leg.target}`]);
  return counts;
}

const isFull = ({ result }: Leg): boolean => result === 'no_channel' || result === 'capacity';

/** A call lost for want of a channel is lost at the first limit it met (the one to widen), any other where it was last. */
function lostAt(call: Call): string {
  const full = call.legs.find(isFull);
  const forCapacity = call.lossReason !== null && isCapacityLoss(call.lossReason);
  return (forCapacity && full ? full : call.legs.at(-1))?.target ?? '';
}
