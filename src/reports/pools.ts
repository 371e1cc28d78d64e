import { blocking as erlangB, channelsFor } from '../lib/erlang-b.js';
import { AGE_EDGES, DELAY_EDGES, type CallRates } from '../numbers/call-rates.js';
import { localIso } from '../lib/local-time.js';

/** One visitor of a hundred goes without in the busiest hour. */
export const DEFAULT_CHANCE = 0.99;

/** What a site's pool was asked for in one hour, as measured. */
export interface PoolHour {
  /** Start of the hour, ms since the epoch. */
  at: number;
  /** Visitors who wanted a number, those who went without included. */
  visitors: number;
  withoutNumber: number;
  /** Time for which numbers were lent, all together. */
  lentSeconds: number;
  /** In the pool at the end of the hour. */
  numbers: number;
  /** The most of them taken at once, lent or at rest. */
  mostTaken: number;
}

/** What is asked of the report beside the hours. */
export interface PoolQuestion {
  site: string;
  from: number;
  to: number;
  timeZone: string;
  /** Numbers in the pool now. */
  numbers: number;
  leaseSeconds: number;
  quarantineSeconds: number;
  /** Chance with which a visitor shall find a number free, under 1. */
  chance: number;
  /** When visitors of this site call, by the rules of the verdict. */
  rates: CallRates;
}

interface PoolMeasured {
  visitors: number;
  withoutNumber: number;
  /** Of the visitors, 0 to 1. */
  shareWithoutNumber: number;
  /** With all extensions, to its end or release; null where none was lent. */
  meanLeaseSeconds: number | null;
  mostTaken: number;
}

export interface PoolReport {
  site: string;
  numbers: number;
  measured: PoolMeasured;
  /** The hour with the most traffic offered; null where nobody asked. */
  busyHour: (PoolMeasured & { at: string; offeredErlang: number }) | null;
  /** Of Erlang's formula: offered = visitors a second × (mean lease + quarantine). */
  inputs: {
    visitorsPerHour: number;
    meanLeaseSeconds: number;
    /** Where no lease was measured, the configured length stands for it. */
    leaseMeasured: boolean;
    quarantineSeconds: number;
    offeredErlang: number;
  };
  chance: number;
  /** Fewest numbers with which a visitor of the busiest hour finds one free with this chance. */
  numbersNeeded: number;
  /** Chance of finding one free, with the present numbers and with those needed. */
  expectedChance: { present: number; needed: number };
  ambiguous: AmbiguousChance;
  /** All this for people. */
  sentence: string;
}

/** How likely a call is one of an earlier holder after somebody else has got the number. */
interface AmbiguousChance {
  chance: number;
  inputs: {
    /** From the end of a lease until its number is lent again, in the mean. */
    relentAfterSeconds: number;
    /** Share of a visitor's calls that come after his lease, at any time. */
    lateShare: number;
    /** From this site's own calls; otherwise by the stated defaults. */
    ratesMeasured: boolean;
  };
}

/** How many numbers one site should have. */
export function poolReport(hours: readonly PoolHour[], about: PoolQuestion): PoolReport {
  const { site, numbers, timeZone, chance } = about;
  const total = measure(hours);
  const busy = hours.reduce<PoolHour | null>(
    (most, hour) => (hour.visitors > (most?.visitors ?? 0) ? hour : most),
    null,
  );
  const lease = (busy && measure([busy]).meanLeaseSeconds) ?? total.meanLeaseSeconds;
  const meanLeaseSeconds = lease ?? about.leaseSeconds;
  const visitorsPerHour = busy?.visitors ?? 0;
  const offered = (visitorsPerHour / 3600) * (meanLeaseSeconds + about.quarantineSeconds);
  const numbersNeeded = channelsFor(offered, 1 - chance);
  const expectedChance = {
    present: rounded(1 - erlangB(offered, numbers)),
    needed: rounded(1 - erlangB(offered, numbersNeeded)),
  };
  const inputs = {
    visitorsPerHour,
    meanLeaseSeconds: rounded(meanLeaseSeconds),
    leaseMeasured: lease !== null,
    quarantineSeconds: about.quarantineSeconds,
    offeredErlang: rounded(offered),
  };
  const busyHour = busy && { at: localIso(busy.at, timeZone), ...measure([busy]), offeredErlang: rounded(offered) };
  const ambiguous = ambiguousChance(about, visitorsPerHour / 3600, offered, meanLeaseSeconds);
  const report = { site, numbers, measured: total, busyHour, inputs, chance, numbersNeeded, expectedChance, ambiguous };
  return { ...report, sentence: sentenceOf(report) };
}

function measure(hours: readonly PoolHour[]): PoolMeasured {
  const sum = (field: 'visitors' | 'withoutNumber' | 'lentSeconds') =>
    hours.reduce((all, hour) => all + hour[field], 0);
  const [visitors, withoutNumber] = [sum('visitors'), sum('withoutNumber')];
  const lent = visitors - withoutNumber;
  return {
    visitors,
    withoutNumber,
    shareWithoutNumber: visitors > 0 ? rounded(withoutNumber / visitors) : 0,
    meanLeaseSeconds: lent > 0 ? rounded(Math.max(0, sum('lentSeconds')) / lent) : null,
    mostTaken: hours.reduce((most, hour) => Math.max(most, hour.mostTaken), 0),
  };
}

/**
 * A call that comes after the end of its lease is ambiguous when the number is lent again by then. The number that has
 * been free the longest goes first, so it waits until all the free ones before it are gone: after its quarantine,
 * (numbers - offered) / visitors a second. The chance of a call is the share of all that a visitor calls (while his lease
 * lasts by its age, afterwards by the delay) that comes later than that.
 */
function ambiguousChance(
  about: PoolQuestion,
  perSecond: number,
  offered: number,
  leaseSeconds: number,
): AmbiguousChance {
  const { numbers, quarantineSeconds, rates } = about;
  const wait = perSecond > 0 ? Math.max(0, numbers - offered) / perSecond : 0;
  const relentAfterSeconds = quarantineSeconds + wait;
  const late = expectedCalls(rates.delay, DELAY_EDGES, 0, Infinity);
  const all = expectedCalls(rates.age, AGE_EDGES, 0, leaseSeconds) + late;
  const tooLate = expectedCalls(rates.delay, DELAY_EDGES, relentAfterSeconds, Infinity);
  return {
    chance: perSecond > 0 && numbers > 0 ? rounded(tooLate / all) : 0,
    inputs: {
      relentAfterSeconds: Math.round(relentAfterSeconds),
      lateShare: rounded(late / all),
      ratesMeasured: rates.measured,
    },
  };
}

/** Calls of one visitor between two moments, by rates that hold for a bin each; the last bin of delays is empty. */
function expectedCalls(rates: readonly number[], edges: readonly number[], from: number, to: number): number {
  return rates.reduce((calls, rate, bin) => {
    const seconds = Math.min(to, edges[bin + 1] ?? Infinity) - Math.max(from, edges[bin] ?? 0);
    return rate > 0 && seconds > 0 ? calls + rate * seconds : calls;
  }, 0);
}

function sentenceOf(report: Omit<PoolReport, 'sentence'>): string {
  const { site, busyHour, inputs, numbers, numbersNeeded: needed, chance, expectedChance } = report;
  if (!busyHour) return `No visitor of ${site} wanted a number in this time.`;
  const when = `${busyHour.at.slice(0, 10)} ${busyHour.at.slice(11, 16)}`;
  const asked = `In its busiest hour (${when}) ${busyHour.visitors} visitors of ${site} wanted a number and ${busyHour.withoutNumber} (${percent(busyHour.shareWithoutNumber)}) found none`;
  const held = `each keeps one for ${Math.round(inputs.meanLeaseSeconds + inputs.quarantineSeconds)} s, quarantine included`;
  const wouldDo = needed < numbers ? ` (${needed} would do)` : '';
  // Erlang's formula is about visitors who come at random, and about the numbers of today.
  const enough =
    busyHour.shareWithoutNumber > 1 - chance
      ? `are enough on the average for a chance of ${percent(chance)}${wouldDo}; who found none came in a burst, or while there were fewer.`
      : `are enough for a chance of ${percent(chance)}${wouldDo}.`;
  const verdict =
    needed > numbers
      ? `Instead of ${numbers} the pool needs ${needed} numbers for a chance of ${percent(chance)} to find one free; now it is ${percent(expectedChance.present)}.`
      : `Its ${numbers} numbers ${enough}`;
  return `${asked}; ${held}: ${inputs.offeredErlang} Erlang offered. ${verdict}`;
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
