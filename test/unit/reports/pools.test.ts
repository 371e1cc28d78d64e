import { describe, expect, it } from 'vitest';
import { DEFAULT_RATES } from '../../../src/numbers/call-rates.js';
import { poolReport, type PoolHour } from '../../../src/reports/pools.js';

const AT = Date.UTC(2026, 10, 21, 10);
const hour = (fields: Partial<PoolHour> = {}): PoolHour => ({
  at: AT,
  visitors: 120,
  withoutNumber: 20,
  lentSeconds: 60_000,
  numbers: 25,
  mostTaken: 25,
  ...fields,
});
const about = {
  site: 'divan',
  from: AT,
  to: AT + 86_400_000,
  timeZone: 'Europe/Moscow',
  numbers: 25,
  leaseSeconds: 300,
  quarantineSeconds: 300,
  chance: 0.99,
  rates: DEFAULT_RATES,
};

describe('the report on a pool', () => {
  it('reckons with visitors × (mean lease + quarantine) of the busiest hour', () => {
    const quiet = hour({ at: AT + 3_600_000, visitors: 10, withoutNumber: 0, lentSeconds: 2_000, mostTaken: 4 });
    const report = poolReport([hour(), quiet], about);
    // 120 an hour, each for 600 + 300 s: 30 Erlang.
    expect(report.inputs).toEqual({
      visitorsPerHour: 120,
      meanLeaseSeconds: 600,
      leaseMeasured: true,
      quarantineSeconds: 300,
      offeredErlang: 30,
    });
    expect(report.numbersNeeded).toBe(42);
    expect(report.expectedChance.needed).toBeGreaterThanOrEqual(0.99);
    expect(report.expectedChance.present).toBeCloseTo(0.7547, 2);
    expect(report.measured).toMatchObject({ visitors: 130, withoutNumber: 20, shareWithoutNumber: 0.1538 });
    expect(report.sentence).toBe(
      'In its busiest hour (2026-11-21 13:00) 120 visitors of divan wanted a number and 20 (16.7 %) found none; each keeps ' +
        'one for 900 s, quarantine included: 30 Erlang offered. Instead of 25 the pool needs 42 numbers for a chance of 99 % ' +
        `to find one free; now it is ${Math.round(report.expectedChance.present * 1000) / 10} %.`,
    );
  });

  it('does not call enough what a burst found empty', () => {
    const sentence = (withoutNumber: number) =>
      poolReport([hour({ visitors: 8, withoutNumber, lentSeconds: 300 })], { ...about, numbers: 5 }).sentence;
    expect(sentence(3)).toMatch(/3 \(37\.5 %\) found none.* on the average for a chance of 99 %.*in a burst/);
    expect(sentence(0)).toMatch(/ are enough for a chance of 99 %.*\.$/);
  });

  it('says that nobody asked, and takes the configured lease where none was measured', () => {
    const empty = poolReport([], about);
    expect(empty).toMatchObject({ busyHour: null, numbersNeeded: 0, ambiguous: { chance: 0 } });
    expect(empty.sentence).toContain('No visitor of divan');
    const allRefused = poolReport([hour({ withoutNumber: 120, lentSeconds: 0 })], about);
    expect(allRefused.inputs).toMatchObject({ leaseMeasured: false, meanLeaseSeconds: 300, offeredErlang: 20 });
  });

  it('finds calls the less ambiguous the longer a number rests or waits before it is lent again', () => {
    const chance = (more: Partial<typeof about>) => poolReport([hour()], { ...about, ...more }).ambiguous;
    const [dry, rested, large] = [chance({}), chance({ quarantineSeconds: 1_800 }), chance({ numbers: 60 })];
    expect(dry.inputs).toEqual({
      relentAfterSeconds: 300,
      lateShare: expect.closeTo(0.21, 1) as number,
      ratesMeasured: false,
    });
    expect(rested.inputs.relentAfterSeconds).toBe(1_800);
    // 30 free numbers before it, one taken every 30 s.
    expect(large.inputs.relentAfterSeconds).toBe(1_200);
    expect(dry.chance).toBeGreaterThan(large.chance);
    expect(large.chance).toBeGreaterThan(rested.chance);
    expect(chance({ quarantineSeconds: 90_000 }).chance).toBe(0);
  });
});
