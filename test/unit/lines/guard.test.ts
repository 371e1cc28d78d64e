import { describe, expect, it } from 'vitest';
import { ExpiringSet, reactTo, SourceLimiter } from '../../../src/lines/guard.js';

describe('guesses at passwords', () => {
  it.each<[number, number, number, number, string | null]>([
    [0, 0, 0, 0, null],
    [1, 1, 1, 0, null],
    [2, 2, 2, 250, null],
    [3, 3, 3, 500, null],
    [5, 5, 5, 2000, null],
    [9, 9, 9, 4000, null],
    [10, 10, 10, 4000, 'pair'],
    [1, 49, 1, 4000, null],
    [1, 50, 1, 4000, 'source'],
    [1, 1, 99, 4000, null],
    [1, 1, 100, 4000, 'user'],
    [1_000_000, 1, 1, 4000, 'pair'],
  ])('%i by the pair, %i by the source, %i for the user: %i ms, %s', (pair, source, user, delayMs, blocked) => {
    expect(reactTo({ pair, source, user })).toEqual({ delayMs, blocked });
  });
});

describe('the limiter of sources', () => {
  const options = { perSecond: 2, burst: 3, maxSources: 2 };

  it('lets a burst through, then what the rate allows', () => {
    const limiter = new SourceLimiter(options);
    const take = (now: number) => limiter.take('a', now);
    expect([take(0), take(0), take(0), take(0), take(499), take(500), take(500)]).toEqual([
      ...[true, true, true, false, false, true, false],
    ]);
    expect([take(10_000), take(10_000), take(10_000), take(10_000)]).toEqual([true, true, true, false]);
  });

  it('survives a clock that goes back, and forgets who has been quiet longest', () => {
    const limiter = new SourceLimiter({ ...options, burst: 1 });
    expect([limiter.take('a', 1000), limiter.take('a', 0)]).toEqual([true, false]);
    expect([limiter.take('b', 0), limiter.take('c', 0), limiter.take('b', 0)]).toEqual([true, true, false]);
    expect(limiter.take('a', 0)).toBe(true); // forgotten, so it begins anew
  });
});

describe('a set with an end', () => {
  it('forgets in time, and the oldest when full', () => {
    const set = new ExpiringSet(2);
    set.add('a', 100);
    expect([set.has('a', 99), set.has('a', 100), set.has('a', 99)]).toEqual([true, false, false]);
    for (const key of ['b', 'c', 'd']) set.add(key, 100);
    expect(['b', 'c', 'd'].map((key) => set.has(key, 0))).toEqual([false, true, true]);
  });
});
