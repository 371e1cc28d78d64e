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
const WINDOW_MS = 900_000;
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
  observe({ number: NUMBER, lease, holders }, AT, WINDOW_MS, 20) ?? noCounts();
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
  it('a call within a lease, where nobody else can have called', () => {
    const present = holder('b', 64, -600);
    const counts = seen(present, [present, holder('a', 3000, 2000)]);
    expect(counts.ageCalls[binOf(AGE_EDGES, 64)]).toBe(1);
    expect(sum(counts.delayCalls)).toBe(0);
    // The one before had the number for 1000 s and then 1936 s in which it was nobody's.
    expect(sum(counts.ageSeconds)).toBe(1000);
    expect(sum(counts.delaySeconds)).toBe(1936);
    expect(counts.ageSeconds[0]).toBe(3);
  });

  it('a late call, and no call of an uncertain holder', () => {
    expect(seen(null, [holder('a', 500, 100)]).delayCalls[binOf(DELAY_EDGES, 100)]).toBe(1);
    const uncertain = seen(null, [holder('b', 500, 100), holder('a', 900, 600)]);
    expect(sum(uncertain.delayCalls)).toBe(0);
    const present = holder('b', 60, -600);
    expect(sum(seen(present, [present, holder('a', 500, 100)]).ageCalls)).toBe(0);
  });

  it('a call of nobody in particular, days after the last lease', () => {
    expect(seen(null, [holder('a', 300_000, 200_000)]).delayCalls.at(-1)).toBe(1);
  });

  it('no time in which an earlier holder may have called', () => {
    const present = holder('c', 10, -600);
    // b's whole lease and the gap after it lie within a's window.
    const counts = seen(present, [present, holder('b', 500, 100), holder('a', 900, 510)]);
    expect(sum(counts.ageSeconds)).toBe(390);
    expect(sum(counts.delaySeconds)).toBe(10);
  });

  it('nothing of static numbers', () => {
    const answer = { number: { ...NUMBER, kind: 'static' as const }, lease: null, holders: [holder('a', 500, 100)] };
    expect(observe(answer, AT, WINDOW_MS, 20)).toBeNull();
  });
});

describe("a site's own rates", () => {
  /** Visitors whose calls follow the defaults in every bin, times a factor where given. */
  function site(calls: number, late = 1): RateCounts {
    const counts = noCounts();
    const seconds = 1e6;
    counts.ageSeconds.fill(seconds);
    counts.delaySeconds.fill(seconds);
    counts.ageCalls = DEFAULT_RATES.age.map((rate) => rate * seconds * calls);
    counts.delayCalls = DEFAULT_RATES.delay.map((rate) => (rate * late + DEFAULT_RATES.stray) * seconds * calls);
    return counts;
  }

  it('are the defaults until enough late calls were seen', () => {
    expect(ratesFrom(noCounts())).toBe(DEFAULT_RATES);
    const few = noCounts();
    few.delayCalls[0] = 99;
    few.delaySeconds[0] = 1000;
    expect(ratesFrom(few)).toBe(DEFAULT_RATES);
    few.delayCalls[0] = 100;
    expect(ratesFrom(few).measured).toBe(true);
  });

  it('stay as they were where the site is like the defaults', () => {
    const rates = ratesFrom(site(1));
    for (const [bin, rate] of DEFAULT_RATES.delay.slice(0, 8).entries()) {
      expect((rates.delay[bin] ?? 0) / rate).toBeGreaterThan(0.8);
      expect((rates.delay[bin] ?? 0) / rate).toBeLessThan(1.25);
    }
  });

  it('follow a site whose visitors call late', () => {
    const share = (rates: { age: readonly number[]; delay: readonly number[] }) =>
      (rates.delay[3] ?? 0) / (rates.age[4] ?? 1);
    expect(share(ratesFrom(site(1, 5))) / share(DEFAULT_RATES)).toBeGreaterThan(4);
    expect(share(ratesFrom(site(1, 0.1))) / share(DEFAULT_RATES)).toBeLessThan(0.2);
  });

  it('keep the default where nothing was seen', () => {
    const counts = site(1);
    counts.delayCalls[7] = 0;
    counts.delaySeconds[7] = 0;
    const { delay } = ratesFrom(counts);
    expect((delay[7] ?? 0) / (DEFAULT_RATES.delay[7] ?? 1)).toBeGreaterThan(0.5);
  });

  it('add up over gateways', () => {
    const total = noCounts();
    addCounts(total, site(1));
    addCounts(total, site(2));
    expect(total.ageCalls[5]).toBeCloseTo(3 * (site(1).ageCalls[5] ?? 0));
  });
});
