import { blocking as erlangB, channelsFor } from '../lib/erlang-b.js';
import { HOUR_MS, type CallCount } from './call-counts.js';
import { localIso } from '../lib/local-time.js';
import { offeredTraffic, sumTraffic, type OfferedTraffic, type TrafficHour } from './traffic.js';

/** The share of refused calls that is still good: under 1 %. */
export const TARGET_LOSS = 0.01;

interface Measured extends Omit<TrafficHour, 'at' | 'limit'>, OfferedTraffic {}

export interface CapacityReport {
  /** `trunk-in`, `trunk-out`, `trunk`, `destination`, `line` */
  kind: string;
  id: string;
  /** Channels there are now; null: no limit. */
  limit: number | null;
  /** Over the whole period asked for. */
  measured: Measured;
  /** The hour with the most traffic offered: what channels are reckoned for. null where there was none at all. */
  busyHour: (Measured & { at: string }) | null;
  targetLoss: number;
  /** Fewest channels by Erlang B that would have kept the loss of the busiest hour under `targetLoss`. */
  channelsNeeded: number;
  /** What Erlang B says of the busiest hour: loss with the present channels and with those needed. */
  expectedLoss: { present: number | null; needed: number };
  /** All this for people. */
  sentence: string;
}

/** What is asked of the report beside the hours. */
interface About {
  kind: string;
  id: string;
  limit: number | null;
  from: number;
  /** Not in the future. */
  to: number;
  timeZone: string;
}

/** How many channels one limit should have had. */
export function capacityReport(hours: readonly TrafficHour[], about: About): CapacityReport {
  const { kind, id, limit, timeZone } = about;
  const total = measure(sumTraffic(hours), secondsOfHours(about), null);
  const busy = busiest(hours, total.meanHoldingSeconds);
  const offered = busy?.offeredErlang ?? 0;
  const channelsNeeded = channelsFor(offered, TARGET_LOSS);
  const expectedLoss = {
    present: limit === null ? null : rounded(erlangB(offered, limit)),
    needed: rounded(erlangB(offered, channelsNeeded)),
  };
  const busyHour = busy && { ...roundedAll(busy), at: localIso(busy.at, timeZone) };
  const report = { kind, id, limit, measured: roundedAll(total), busyHour, targetLoss: TARGET_LOSS };
  return { ...report, channelsNeeded, expectedLoss, sentence: sentenceOf({ ...report, channelsNeeded }) };
}

/** Traffic is kept by the hour: the first and the last one count whole, however little of them was asked for. */
function secondsOfHours({ from, to }: Pick<About, 'from' | 'to'>): number {
  const hours = Math.ceil(to / HOUR_MS) - Math.floor(from / HOUR_MS);
  return (Math.max(1, hours) * HOUR_MS) / 1000;
}

/** The far ends' refusals, which the calls tell, put to the hours that the limit itself has kept. */
export function withFarEnd(
  hours: readonly TrafficHour[],
  counts: readonly CallCount[],
  resource: string,
): TrafficHour[] {
  const refused = new Map<number, number>();
  for (const { hour, key, count } of counts) {
    if (key[0] === 'farEnd' && key[1] === resource) refused.set(hour * HOUR_MS, count);
  }
  return hours.map((hour) => ({ ...hour, refusedThere: hour.refusedThere + (refused.get(hour.at) ?? 0) }));
}

function measure(sum: Omit<TrafficHour, 'at' | 'limit'>, seconds: number, holdingSeconds: number | null): Measured {
  const { attempts, refusedHere, refusedThere, carriedSeconds } = sum;
  return { attempts, refusedHere, refusedThere, carriedSeconds, ...offeredTraffic(sum, seconds, holdingSeconds) };
}

/** An hour still going on counts as a whole one: what it has seen so far, and no guess at the rest. */
function busiest(hours: readonly TrafficHour[], holdingSeconds: number | null): (Measured & { at: number }) | null {
  let busy: (Measured & { at: number }) | null = null;
  for (const hour of hours) {
    const one = { at: hour.at, ...measure(hour, HOUR_MS / 1000, holdingSeconds) };
    if (one.offeredErlang > (busy?.offeredErlang ?? 0)) busy = one;
  }
  return busy;
}

const NAMES: Record<string, string> = {
  'trunk-in': 'inbound on trunk',
  'trunk-out': 'outbound on trunk',
  trunk: 'trunk',
  destination: 'number',
  line: 'line',
};

function sentenceOf(report: Omit<CapacityReport, 'sentence' | 'expectedLoss'>): string {
  const { busyHour, limit, channelsNeeded: needed } = report;
  const name = `${NAMES[report.kind] ?? report.kind} ${report.id}`;
  if (!busyHour) return `Nothing was asked of ${name} in this time.`;
  const refused = busyHour.refusedHere + busyHour.refusedThere;
  const when = `${busyHour.at.slice(0, 10)} ${busyHour.at.slice(11, 16)}`;
  const found = refused > 0 ? `${refused} (${percent(busyHour.blocking)}) found none` : 'all found one';
  const measured = `In its busiest hour (${when}) ${counted(busyHour.attempts, 'call')} wanted a channel of ${name} and ${found}`;
  const there = busyHour.refusedThere > 0 ? `, ${busyHour.refusedThere} of them by the far end's word` : '';
  return `${measured}${there}: ${busyHour.offeredErlang} Erlang offered. ${adviceOf(limit, needed, busyHour)}`;
}

function adviceOf(limit: number | null, needed: number, { refusedHere, refusedThere }: Measured): string {
  if (limit === null) return `It has no limit here; ${counted(needed, 'channel')} would keep the loss under 1 %.`;
  if (needed > limit) return `Instead of ${limit} it needs ${counted(needed, 'channel')} to keep the loss under 1 %.`;
  if (refusedThere > 0) {
    return `${counted(needed, 'channel')} would do and ${limit} are counted here: the far end has fewer than we believe.`;
  }
  // More random luck than traffic: what Erlang B says of the mean need not hold for every burst.
  const although = refusedHere > 0 ? ' on the average; the refusals came in a burst' : '';
  return `Its ${counted(limit, 'channel')} ${limit === 1 ? 'is' : 'are'} enough${although}${needed < limit ? ` (${needed} would do)` : ''}.`;
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

function roundedAll<T extends Measured>(measured: T): T {
  const { carriedErlang, offeredErlang, blocking, meanHoldingSeconds, carriedSeconds } = measured;
  return {
    ...measured,
    carriedSeconds: rounded(carriedSeconds),
    carriedErlang: rounded(carriedErlang),
    offeredErlang: rounded(offeredErlang),
    blocking: rounded(blocking),
    meanHoldingSeconds: meanHoldingSeconds === null ? null : rounded(meanHoldingSeconds),
  };
}
