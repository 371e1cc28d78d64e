import type { AdmissionAnswer, Holder } from '../call/ports.js';

/**
 * How likely a visitor is to call at this second, by where he stands with his number: while it is lent to him by the
 * age of the lease, afterwards by the time since its end. Rates are in an arbitrary unit (only their ratios matter),
 * scaled so that the rates of one visitor over his whole life add up to about 1. `docs/attribution.md` tells the rule.
 */
export interface CallRates {
  /** By bin of AGE_EDGES. */
  age: readonly number[];
  /** By bin of DELAY_EDGES. */
  delay: readonly number[];
  /** Calls of nobody we know: wrong numbers, spam, people who saw the number a week ago. */
  stray: number;
  /** From this site's own calls, or the stated defaults. */
  measured: boolean;
}

/** Beginnings of the bins, in seconds; the last one is open. */
export const AGE_EDGES = [0, 3, 6, 10, 20, 60, 180, 600, 1800, 7200] as const;
/** The last bin holds what comes a day and more after the lease: strays. */
export const DELAY_EDGES = [0, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400] as const;

/** Of those who call, how many do it while the number is still theirs, and how long it is theirs on the average. */
const CALLS_IN_LEASE = 0.8;
const MEAN_LEASE_SECONDS = 600;
/** To read the page, to dial, and for the carrier to send the INVITE takes seconds: share of the full rate by age bin. */
const DIALLING_TIME = [0.02, 0.15, 0.5];
/** Delays of late calls: half of them within 6 minutes, a tenth after 36 (Lomax distribution). */
const LATE_SHAPE = 1.5;
const LATE_SCALE_SECONDS = 600;
/** One in some 80 days for each number, where 3 % of the visitors call. */
const STRAY_RATE = 5e-6;

/** Late calls that must have been seen before a site's own rates count. */
const ENOUGH_LATE_CALLS = 100;
/** How many calls in a bin the stated default is worth, so that an empty bin is not taken for an impossible one. */
const PRIOR_CALLS = 5;
/** Longer gaps say nothing more about anybody. */
const MOST_DELAY_SECONDS = 7 * 86_400;

const lateDensity = (seconds: number): number =>
  (1 - CALLS_IN_LEASE) * (LATE_SHAPE / LATE_SCALE_SECONDS) * (1 + seconds / LATE_SCALE_SECONDS) ** (-LATE_SHAPE - 1);

export const DEFAULT_RATES: CallRates = {
  age: AGE_EDGES.map((_, bin) => (DIALLING_TIME[bin] ?? 1) * (CALLS_IN_LEASE / MEAN_LEASE_SECONDS)),
  delay: DELAY_EDGES.map((from, bin) => {
    const to = DELAY_EDGES[bin + 1];
    return to === undefined ? 0 : (lateDensity(from) + lateDensity(to)) / 2;
  }),
  stray: STRAY_RATE,
  measured: false,
};

export function binOf(edges: readonly number[], seconds: number): number {
  let bin = 0;
  while (bin + 1 < edges.length && seconds >= (edges[bin + 1] ?? Infinity)) bin += 1;
  return bin;
}

/** What a site has seen: calls whose holder is certain, and for how many seconds holders were in a position to call. */
export interface RateCounts {
  ageCalls: number[];
  ageSeconds: number[];
  delayCalls: number[];
  delaySeconds: number[];
}

export const noCounts = (): RateCounts => ({
  ageCalls: AGE_EDGES.map(() => 0),
  ageSeconds: AGE_EDGES.map(() => 0),
  delayCalls: DELAY_EDGES.map(() => 0),
  delaySeconds: DELAY_EDGES.map(() => 0),
});

export function addCounts(sum: RateCounts, more: RateCounts): void {
  for (const part of ['ageCalls', 'ageSeconds', 'delayCalls', 'delaySeconds'] as const)
    more[part].forEach((value, bin) => (sum[part][bin] = (sum[part][bin] ?? 0) + value));
}

/** The lease's end as far as it matters: at the latest when the number was lent to the next visitor. */
export function endOf(holders: readonly Holder[], i: number): number {
  return Math.min(holders[i]?.expiresAt ?? 0, holders[i - 1]?.leasedAt ?? Infinity);
}

/**
 * What one admission teaches. Only moments count in which a single holder could have called: nobody else had the
 * number, or had it less than the window ago. The holders before the present one tell how long people were in such a
 * position without calling; the present one tells of this call. Every holder is seen once for each call of his number,
 * in all bins alike, so the ratios of the rates come out right.
 */
export function observe(
  { number, lease, holders }: Pick<AdmissionAnswer, 'number' | 'lease' | 'holders'>,
  at: number,
  windowMs: number,
  mostHolders: number,
): RateCounts | null {
  if (number?.kind !== 'dynamic' || holders.length === 0) return null;
  const counts = noCounts();
  const present = holders[0];
  holders.forEach((holder, i) => {
    // Before the oldest one of a full list there was somebody whom we do not see.
    if (i === holders.length - 1 && holders.length >= mostHolders) return;
    const clearFrom = i === holders.length - 1 ? -Infinity : endOf(holders, i + 1) + windowMs;
    if (holder !== present) {
      const end = endOf(holders, i);
      expose(counts.ageSeconds, AGE_EDGES, holder.leasedAt, Math.max(holder.leasedAt, clearFrom), end);
      const until = Math.min(holders[i - 1]?.leasedAt ?? end, end + MOST_DELAY_SECONDS * 1000);
      expose(counts.delaySeconds, DELAY_EDGES, end, Math.max(end, clearFrom), until);
    } else if (at >= clearFrom) {
      if (lease?.leaseId === holder.leaseId) bump(counts.ageCalls, binOf(AGE_EDGES, (at - holder.leasedAt) / 1000));
      else if (!lease) bump(counts.delayCalls, binOf(DELAY_EDGES, (at - endOf(holders, i)) / 1000));
    }
  });
  return counts;
}

function bump(bins: number[], bin: number): void {
  bins[bin] = (bins[bin] ?? 0) + 1;
}

/** Adds the seconds from `from` to `until` (ms) to the bins that they fall in, counted from `origin`. */
function expose(bins: number[], edges: readonly number[], origin: number, from: number, until: number): void {
  const [first, last] = [(from - origin) / 1000, (until - origin) / 1000];
  for (const [bin, edge] of edges.entries()) {
    const seconds = Math.min(last, edges[bin + 1] ?? Infinity) - Math.max(first, edge);
    if (seconds > 0) bins[bin] = (bins[bin] ?? 0) + seconds;
  }
}

/**
 * A site's own rates once it has seen enough late calls, the stated defaults before. In each bin the default stands in
 * for a few calls (Gamma prior), so that little data changes little; where nothing was seen, the default stands.
 */
export function ratesFrom(counts: RateCounts): CallRates {
  const lateCalls = sum(counts.delayCalls.slice(0, -1));
  if (lateCalls < ENOUGH_LATE_CALLS) return DEFAULT_RATES;
  // Strays call at any time: what is counted in any bin holds them too.
  const [ageDefaults, delayDefaults] = [withStrays(DEFAULT_RATES.age), withStrays(DEFAULT_RATES.delay)];
  const expected = dot(counts.ageSeconds, ageDefaults) + dot(counts.delaySeconds, delayDefaults);
  // How many calls the site really has where the defaults would have one.
  const scale = expected > 0 ? (sum(counts.ageCalls) + sum(counts.delayCalls)) / expected : 1;
  const estimate = (calls: number, seconds: number, byDefault: number): number =>
    (calls + PRIOR_CALLS) / (seconds + PRIOR_CALLS / (scale * byDefault)) / scale;
  const estimates = (calls: number[], seconds: number[], defaults: readonly number[]): number[] =>
    defaults.map((byDefault, bin) => estimate(calls[bin] ?? 0, seconds[bin] ?? 0, byDefault));
  const age = estimates(counts.ageCalls, counts.ageSeconds, ageDefaults);
  const delay = estimates(counts.delayCalls, counts.delaySeconds, delayDefaults);
  const stray = delay.at(-1) ?? DEFAULT_RATES.stray;
  const withoutStrays = (rate: number): number => Math.max(rate - stray, rate / 100);
  return { age: age.map(withoutStrays), delay: [...delay.slice(0, -1).map(withoutStrays), 0], stray, measured: true };
}

const withStrays = (rates: readonly number[]): number[] => rates.map((rate) => rate + DEFAULT_RATES.stray);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const dot = (left: readonly number[], right: readonly number[]): number =>
  left.reduce((total, value, i) => total + value * (right[i] ?? 0), 0);
