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
/** From a day after the lease on (the horizon) a former holder is a stranger. */
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

/** Calls that must have been seen before a site's own rates count. */
const ENOUGH_CALLS = 500;
/**
 * For how many calls the default counts in each bin, and for strangers. SMOOTHING_CALLS: for how many it counts that
 * neighbouring bins differ from the default by the same factor. It is the largest, so that bins with many calls (minutes
 * after a lease) speak for those with few (hours after).
 */
const PRIOR_CALLS = 0.2;
const PRIOR_STRANGERS = 5;
const SMOOTHING_CALLS = 10;
/** No bin is taken for impossible. */
const LEAST_FACTOR = 0.02;
/** Steps of the solution; it changes in the fifth digit after some dozens. */
const SWEEPS = 200;

/** Share of all callers who call later than so many seconds after the lease. */
const laterThan = (seconds: number): number => (1 - CALLS_IN_LEASE) * (1 + seconds / LATE_SCALE_SECONDS) ** -LATE_SHAPE;

export const DEFAULT_RATES: CallRates = {
  age: AGE_EDGES.map((_, bin) => (DIALLING_TIME[bin] ?? 1) * (CALLS_IN_LEASE / MEAN_LEASE_SECONDS)),
  delay: DELAY_EDGES.map((from, bin) => {
    const to = DELAY_EDGES[bin + 1];
    return to === undefined ? 0 : (laterThan(from) - laterThan(to)) / (to - from);
  }),
  stray: STRAY_RATE,
  measured: false,
};

export function binOf(edges: readonly number[], seconds: number): number {
  let bin = 0;
  while (bin + 1 < edges.length && seconds >= (edges[bin + 1] ?? Infinity)) bin += 1;
  return bin;
}

/** Where a holder may stand: a bin of age, a bin of delay but for the last, or nowhere (a stranger). */
const [AGES, DELAYS] = [AGE_EDGES.length, DELAY_EDGES.length - 1];
const STRANGER = AGES + DELAYS;
const PLACES = STRANGER + 1;
const DEFAULT_BY_PLACE = [...DEFAULT_RATES.age, ...DEFAULT_RATES.delay.slice(0, DELAYS), DEFAULT_RATES.stray];

/**
 * What a site has seen, and what the defaults would have expected. At each moment every place has a share of the rate at
 * which a number rings by the defaults. `calls` sums these shares over the calls, by place; `expected` sums the products
 * of two places' shares over all seconds, each worth the calls that the defaults expect in it (PLACES rows of PLACES).
 */
export interface RateCounts {
  calls: number[];
  expected: number[];
}

export const noCounts = (): RateCounts => ({
  calls: new Array<number>(PLACES).fill(0),
  expected: new Array<number>(PLACES * PLACES).fill(0),
});

export function addCounts(sum: RateCounts, more: RateCounts): void {
  for (const part of ['calls', 'expected'] as const)
    more[part].forEach((value, i) => (sum[part][i] = (sum[part][i] ?? 0) + value));
}

/** The lease's end as far as it matters: at the latest when the number was lent to the next visitor. */
export function endOf(holders: readonly Holder[], i: number): number {
  return Math.min(holders[i]?.expiresAt ?? 0, holders[i - 1]?.leasedAt ?? Infinity);
}

/**
 * What one admission teaches: where everybody stood when this call came, and where they stood while the number was the
 * earlier holders'. Half of the list are the turns looked at, so that for each of them as many holders before it are
 * seen, and every turn is seen by the calls of as many turns after it. Callers who are known by an earlier call teach
 * nothing: the verdict does not weigh them by these rates.
 *
 * @param mostHolders as many as an admission returns at most
 */
export function observe(
  { number, lease, holders, history }: Taught,
  at: number,
  mostHolders: number,
): RateCounts | null {
  if (number?.kind !== 'dynamic' || holders.length === 0 || history?.known) return null;
  const counts = noCounts();
  const reach = Math.floor(mostHolders / 2);
  const ends = holders.map((_, i) => endOf(holders, i));
  const placesAt = (moment: number, from: number): number[] => [
    ...holders.slice(from, from + reach + 1).flatMap((holder, i) => {
      const end = ends[from + i] ?? 0;
      const isHis = from + i === 0 ? lease?.leaseId === holder.leaseId : moment < end;
      return placeOf(isHis ? moment - holder.leasedAt : null, moment - end) ?? [];
    }),
    STRANGER,
  ];
  addCall(counts, placesAt(at, 0));
  for (let turn = 1; turn < reach && turn < holders.length; turn += 1) {
    const [from, to] = [holders[turn]?.leasedAt ?? 0, holders[turn - 1]?.leasedAt ?? 0];
    const moments = turningPoints(holders, ends, turn, turn + reach, from, to);
    moments.forEach((moment, i) => {
      const next = moments[i + 1];
      if (next !== undefined && next > moment)
        addTime(counts, placesAt((moment + next) / 2, turn), (next - moment) / 1000);
    });
  }
  return counts;
}

export type Taught = Pick<AdmissionAnswer, 'number' | 'lease' | 'holders'> & Partial<Pick<AdmissionAnswer, 'history'>>;

/** @param ageMs null where the number is no longer his */
function placeOf(ageMs: number | null, delayMs: number): number | null {
  if (ageMs !== null) return binOf(AGE_EDGES, ageMs / 1000);
  const bin = binOf(DELAY_EDGES, delayMs / 1000);
  return bin < DELAYS ? AGES + bin : null;
}

/** Moments from `from` to `to` at which one of these holders comes from one bin into another. */
function turningPoints(
  holders: readonly Holder[],
  ends: readonly number[],
  first: number,
  last: number,
  from: number,
  to: number,
): number[] {
  const own = AGE_EDGES.map((edge) => (holders[first]?.leasedAt ?? 0) + edge * 1000);
  const later = ends.slice(first, last + 1).flatMap((end) => DELAY_EDGES.map((edge) => end + edge * 1000));
  return [from, ...[...own, ...later].filter((moment) => moment > from && moment < to).sort((a, b) => a - b), to];
}

function sharesOf(places: readonly number[]): { rate: number; shares: Map<number, number> } {
  const rate = places.reduce((sum, place) => sum + (DEFAULT_BY_PLACE[place] ?? 0), 0);
  const shares = new Map<number, number>();
  for (const place of places) shares.set(place, (shares.get(place) ?? 0) + (DEFAULT_BY_PLACE[place] ?? 0) / rate);
  return { rate, shares };
}

function addCall({ calls }: RateCounts, places: readonly number[]): void {
  for (const [place, share] of sharesOf(places).shares) calls[place] = (calls[place] ?? 0) + share;
}

function addTime({ expected }: RateCounts, places: readonly number[], seconds: number): void {
  const { rate, shares } = sharesOf(places);
  for (const [one, share] of shares)
    for (const [other, too] of shares) {
      const cell = one * PLACES + other;
      expected[cell] = (expected[cell] ?? 0) + seconds * rate * share * too;
    }
}

/**
 * A site's own rates once it has seen enough calls, the stated defaults before. Found is the factor by which each place
 * differs from the default, such that calls and expectation agree in every place (least squares, each moment weighed by
 * the default's variance: right in the mean whatever the defaults are). In each place the default stands in for a few
 * calls and its neighbours for some more, so that little data changes little.
 */
export function ratesFrom({ calls, expected }: RateCounts): CallRates {
  const [seen, byDefault] = [sum(calls), sum(expected)];
  if (seen < ENOUGH_CALLS || byDefault <= 0) return DEFAULT_RATES;
  // How many calls the site really has where the defaults would have one.
  const scale = seen / byDefault;
  const factors = new Array<number>(PLACES).fill(1);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (let place = 0; place < PLACES; place += 1) {
      const row = expected.slice(place * PLACES, (place + 1) * PLACES);
      const prior = place === STRANGER ? PRIOR_STRANGERS : PRIOR_CALLS;
      const near = [place - 1, place + 1].filter((other) => areNeighbours(place, other));
      const others = scale * (dot(row, factors) - (row[place] ?? 0) * (factors[place] ?? 0));
      const wanted =
        (calls[place] ?? 0) - others + prior + SMOOTHING_CALLS * sum(near.map((other) => factors[other] ?? 1));
      const weight = scale * (row[place] ?? 0) + prior + SMOOTHING_CALLS * near.length;
      factors[place] = Math.max(LEAST_FACTOR, wanted / weight);
    }
  }
  const rates = DEFAULT_BY_PLACE.map((rate, place) => rate * (factors[place] ?? 1));
  const [age, delay] = [rates.slice(0, AGES), [...rates.slice(AGES, STRANGER), 0]];
  return { age, delay, stray: rates[STRANGER] ?? DEFAULT_RATES.stray, measured: true };
}

/** Two bins of age, or two of delay, next to each other. */
function areNeighbours(one: number, other: number): boolean {
  if (one === STRANGER || other === STRANGER || other < 0) return false;
  return one < AGES === other < AGES;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const dot = (left: readonly number[], right: readonly number[]): number =>
  left.reduce((total, value, i) => total + value * (right[i] ?? 0), 0);
