import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GIVE_UP_AFTER_MS, parseRetryAfter, retryDelay } from '../../src/webhooks/retry.js';

const HOUR = 3_600_000;
const failed = (attempt: number, ageMs = 0, retryAfterMs: number | null = null) => ({ attempt, ageMs, retryAfterMs });

describe('the retry schedule', () => {
  it('goes from seconds to hours', () => {
    const delays = Array.from({ length: 14 }, (_, i) => retryDelay(failed(i + 1), 0.5));
    expect(delays[0]).toBe(2_000);
    expect(delays.at(-1)).toBe(4 * HOUR);
    expect(delays).toEqual([...delays].sort((a, b) => (a ?? 0) - (b ?? 0)));
  });

  it('strays by 20 % at most', () => {
    expect(retryDelay(failed(10), 0)).toBe(0.8 * HOUR);
    expect(retryDelay(failed(10), 1)).toBe(1.2 * HOUR);
  });

  it('reaches a receiver that was away for three days, whatever the jitter', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (randoms) => {
        let ageMs = 0;
        const attempts = [ageMs];
        for (let attempt = 1; ; attempt += 1) {
          const delay = retryDelay(failed(attempt, ageMs), randoms.next().value as number);
          if (delay === null) break;
          expect(delay).toBeGreaterThanOrEqual(1_000);
          attempts.push((ageMs += delay));
        }
        const afterThreeDays = attempts.filter((at) => at > 72 * HOUR);
        expect(afterThreeDays.length).toBeGreaterThan(0);
        expect(ageMs).toBeLessThan(GIVE_UP_AFTER_MS + 2_000);
        expect(attempts.length).toBeLessThan(50);
      }),
      { numRuns: 50 },
    );
  });

  it('does as the receiver asks, within bounds', () => {
    expect(retryDelay(failed(1, 0, 120_000), 0.5)).toBe(120_000);
    expect(retryDelay(failed(1, 0, 0), 0.5)).toBe(1_000);
    expect(retryDelay(failed(1, 0, 999 * HOUR), 0.5)).toBe(HOUR);
  });
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 5 ', 5_000],
    ['Sat, 21 Nov 2026 10:12:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 10:11:30 GMT', 0],
    ['soon', null],
    ['Saturday, 21-Nov-26 10:12:30 GMT', 30_000],
    ['99999999999', 99_999_999_999_000],
    ['-1', null],
    ['1.5', null],
    ['2 minutes', null],
    ['', null],
    [undefined, null],
  ])('%s', (header, expected) => {
    expect(parseRetryAfter(header, Date.parse('2026-11-21T10:12:00Z'))).toBe(expected);
  });
});
