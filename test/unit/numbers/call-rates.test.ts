import { describe, expect, it } from 'vitest';
import type { Holder, TrackingNumber } from '../../../src/call/ports.js';
import {
  addCounts,
  AGE_EDGES,
  binOf,
  DEFAULT_RATES,
  DELAY_EDGES,
  noCounts,
  observe,
  type RateCounts,
  ratesFrom,
} from '../../../src/numbers/call-rates.js';
import { exampleHolder } from '../../redis/examples.js';

const AT = 10_000_000_000;
const NUMBER: TrackingNumber = {
  number: '+74951111111',
  site: 'divan',
  kind: 'dynamic',
  route: null,
  source: null,
  enabled: true,
};
const holder = (name: string, from: number, to: number): Holder =>
  exampleHolder({ leaseId: name, leasedAt: AT - from * 1000, expiresAt: AT - to * 1000 });
const seen = (lease: Holder | null, holders: Holder[]): RateCounts =>
  observe({ number: NUMBER, lease, holders }, AT, 20) ?? noCounts();
const ageAt = (seconds: number): number => binOf(AGE_EDGES, seconds);
const delayAt = (seconds: number): number => AGE_EDGES.length + binOf(DELAY_EDGES, seconds);
const PLACES = noCounts().calls.length;
const STRANGER = PLACES - 1;
const sum = (bins: number[]): number => bins.reduce((a, b) => a + b, 0);

describe('the stated defaults', () => {
  it('let a visitor call about once', () => {
    const inLease = (DEFAULT_RATES.age.at(-1) ?? 0) * 600;
    const late = DELAY_EDGES.slice(0, -1).map(
      (from, i) => (DEFAULT_RATES.delay[i] ?? 0) * ((DELAY_EDGES[i + 1] ?? 0) - from),
    );
    expect(inLease).toBeCloseTo(0.8);
    expect(sum(late)).toBeGreaterThan(0.19);
    expect(sum(late)).toBeLessThan(0.25);
  });

  it('fall with every bin after the lease', () => {
    expect([...DEFAULT_RATES.delay].sort((a, b) => b - a)).toEqual(DEFAULT_RATES.delay);
  });
});

describe('bins', () => {
  it.each([
    [-1, 0],
    [0, 0],
    [2.9, 0],
    [3, 1],
    [7199, 8],
    [7200, 9],
    [1e9, 9],
  ])('%d s of age is in bin %d', (seconds, bin) => expect(binOf(AGE_EDGES, seconds)).toBe(bin));
});

describe('what one admission teaches', () => {
  it('where everybody stood when the call came, by the shares of the defaults', () => {
    const alone = seen(holder('b', 64, -600), [holder('b', 64, -600)]);
    // 0.8 / 600 against 5e-6 of strangers.
    expect(alone.calls[ageAt(64)]).toBeCloseTo(0.99626, 5);
    expect(alone.calls[STRANGER]).toBeCloseTo(0.00374, 5);
    expect(sum(alone.expected)).toBe(0);
    // 0.2 (1.2^-1.5 - 1.5^-1.5) / 180, 2.4045e-4, against 5e-6.
    expect(seen(null, [holder('a', 500, 150)]).calls[delayAt(150)]).toBeCloseTo(0.97963, 4);
    const both = seen(holder('b', 60, -600), [holder('b', 60, -600), holder('a', 500, 150)]);
    expect(sum(both.calls)).toBeCloseTo(1);
    expect(both.calls[ageAt(60)]).toBeGreaterThan(0.8);
    expect(both.calls[delayAt(150)]).toBeGreaterThan(0.1);
  });

  it("the calls to be expected in the earlier holders' turns, not in the present one", () => {
    const present = holder('b', 64, -600);
    const { expected } = seen(present, [present, holder('a', 3000, 2000)]);
    // 1000 s of lease, its beginning by 2, 15 and 50 %; delays up to 1936 s; strangers all the time.
    const lease = (0.06 + 0.45 + 2 + 990) * (0.8 / 600);
    const late = 0.2 * (1 - 4 ** -1.5) + ((136 * 0.2) / 1800) * (4 ** -1.5 - 7 ** -1.5);
    expect(sum(expected)).toBeCloseTo(lease + late + 2936 * 5e-6, 8);
    expect(expected[delayAt(60) * PLACES + delayAt(300)]).toBe(0);
  });

  it('a call of nobody in particular, days after the last lease', () => {
    expect(seen(null, [holder('a', 300_000, 200_000)]).calls[STRANGER]).toBe(1);
  });

  it('nothing of static numbers, nor of callers who are known', () => {
    const answer = { number: NUMBER, lease: null, holders: [holder('a', 500, 100)] };
    expect(observe({ ...answer, number: { ...NUMBER, kind: 'static' as const } }, AT, 20)).toBeNull();
    const known = { session: holder('a', 500, 100).session, leaseId: 'a', confidence: 1, at: AT - 1000 };
    const history = { firstCall: false, previousCalls: 1, lastCallAt: AT - 1000, lastDisposition: null, known };
    expect(observe({ ...answer, history: history as never }, AT, 20)).toBeNull();
  });
});

describe("a site's own rates", () => {
  /** In every place alone, 1000 calls to be expected by the defaults, and as many times as many seen. */
  function site(calls: number, late = 1): RateCounts {
    const counts = noCounts();
    for (let place = 0; place < PLACES; place += 1) {
      counts.expected[place * PLACES + place] = 1000;
      counts.calls[place] = 1000 * calls * (place >= AGE_EDGES.length && place < STRANGER ? late : 1);
    }
    return counts;
  }

  it('are the defaults until enough calls were seen', () => {
    expect(ratesFrom(noCounts())).toBe(DEFAULT_RATES);
    const few = noCounts();
    few.calls[0] = 499;
    few.expected[0] = 1000;
    expect(ratesFrom(few)).toBe(DEFAULT_RATES);
    few.calls[0] = 500;
    expect(ratesFrom(few).measured).toBe(true);
  });

  it('stay as they were where the site is like the defaults', () => {
    const { age, delay, stray } = ratesFrom(site(0.1));
    DEFAULT_RATES.age.forEach((rate, bin) => expect(age[bin]).toBeCloseTo(rate, 8));
    DEFAULT_RATES.delay.forEach((rate, bin) => expect(delay[bin]).toBeCloseTo(rate, 8));
    expect(stray).toBeCloseTo(5e-6, 8);
  });

  it('follow a site whose visitors call late', () => {
    const share = (rates: { age: readonly number[]; delay: readonly number[] }) =>
      (rates.delay[3] ?? 0) / (rates.age[4] ?? 1);
    expect(share(ratesFrom(site(1, 5))) / share(DEFAULT_RATES)).toBeCloseTo(5, 1);
    expect(share(ratesFrom(site(1, 0.1))) / share(DEFAULT_RATES)).toBeCloseTo(0.1, 1);
  });

  it('tell two holders apart though both may have called most of the time', () => {
    const counts = noCounts();
    const [now, former] = [ageAt(60), delayAt(120)];
    // Alone, each would have 1000 calls; the one has 2000. Together 2000; there are 3000, which the defaults halve.
    for (const [one, other] of [[now, former] as const, [former, now] as const]) {
      counts.expected[one * PLACES + one] = 1000 + 500;
      counts.expected[one * PLACES + other] = 500;
    }
    counts.calls[now] = 2000 + 1500;
    counts.calls[former] = 1000 + 1500;
    const { age, delay } = ratesFrom(counts);
    const factor = (rates: readonly number[], byDefault: readonly number[], bin: number) =>
      (rates[bin] ?? 0) / (byDefault[bin] ?? 1);
    const times = factor(age, DEFAULT_RATES.age, now) / factor(delay, DEFAULT_RATES.delay, former - AGE_EDGES.length);
    expect(times).toBeCloseTo(2, 1);
  });

  it('are like the neighbours where nothing was seen', () => {
    const counts = site(1, 3);
    const place = delayAt(1800);
    counts.calls[place] = 0;
    counts.expected[place * PLACES + place] = 0;
    const { delay } = ratesFrom(counts);
    const factorOf = (bin: number) => (delay[bin] ?? 0) / (DEFAULT_RATES.delay[bin] ?? 1);
    expect(factorOf(7) / factorOf(6)).toBeGreaterThan(0.95);
  });

  it('add up over gateways', () => {
    const total = noCounts();
    addCounts(total, site(1));
    addCounts(total, site(2));
    expect(total.calls[5]).toBeCloseTo(3 * (site(1).calls[5] ?? 0));
  });
});
