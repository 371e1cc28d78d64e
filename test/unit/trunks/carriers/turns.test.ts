import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nextStart, Turns } from '../../../../src/trunks/carriers/turns.js';

/**
 * Starts of the calls that came at `arrivals`; null where one had no turn in time. Who waits is woken up `late` ms after
 * his time, as on a busy machine.
 */
function starts(arrivals: readonly number[], perSecond: number, queueMs: number, late = 0): (number | null)[] {
  const begun: (number | null)[] = arrivals.map(() => null);
  const started: number[] = [];
  const waiting: number[] = [];
  const start = (call: number, at: number): void => {
    started.push(at);
    begun[call] = at;
  };
  /** Those whose time comes until then. */
  const wakeUntil = (now: number): void => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const at = nextStart(started, 0, perSecond, arrivals[first] ?? 0) + late;
      if (at > now) return;
      waiting.shift();
      start(first, at);
    }
  };
  arrivals.forEach((now, call) => {
    wakeUntil(now);
    const at = nextStart(started, waiting.length, perSecond, now);
    if (at - now > queueMs + 50) return;
    if (at <= now && waiting.length === 0) start(call, now);
    else waiting.push(call);
  });
  wakeUntil(Infinity);
  return begun;
}

/** In any window of more than a second. */
function expectNoMoreThan(perSecond: number, times: readonly number[]): void {
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  for (const from of times) {
    expect(times.filter((at) => at >= from && at < from + 1050).length).toBeLessThanOrEqual(perSecond);
  }
}

describe('nextStart', () => {
  it.each([
    ['the limit at once', [0, 0, 0], 3, 500, [0, 0, 0]],
    ['one above it waits for the first to be more than a second old', [0, 100, 200, 600], 3, 500, [0, 100, 200, 1050]],
    ['a queue of a second holds the next second', [0, 0, 0, 0, 0], 2, 1000, [0, 0, 1050, 1050, null]],
    ['who would wait longer than the queue goes on at once', [0, 0, 100], 2, 500, [0, 0, null]],
    ['those who wait keep their order', [0, 500, 600], 1, 3000, [0, 1050, 2100]],
    ['half a call per second', [0, 1000, 1500], 0.5, 1050, [0, 2050, null]],
    ['who went away takes nobody’s turn', [0, 0, 100, 900], 2, 200, [0, 0, null, 1050]],
  ])('%s', (_, arrivals, perSecond, queueMs, expected) => {
    expect(starts(arrivals, perSecond, queueMs)).toEqual(expected);
  });

  const gaps = fc.array(fc.nat(700), { minLength: 1, maxLength: 60 });
  const rate = fc.integer({ min: 1, max: 20 });
  const sums = (steps: readonly number[]): number[] =>
    steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, step) => sum + step, 0));

  it('never starts more than the limit in any second, late ones never, and all in the order they came', () => {
    fc.assert(
      fc.property(gaps, rate, fc.nat(3000), (steps, perSecond, queueMs) => {
        const arrivals = sums(steps);
        const begun = starts(arrivals, perSecond, queueMs);
        begun.forEach((at, i) => {
          if (at !== null) expect(at - (arrivals[i] ?? 0)).toBeLessThanOrEqual(queueMs + 50);
        });
        expectNoMoreThan(
          perSecond,
          begun.filter((at) => at !== null),
        );
      }),
    );
  });

  it('nor where those who wait are woken up too late', () => {
    fc.assert(
      fc.property(gaps, rate, fc.nat(3000), fc.nat(400), (steps, perSecond, queueMs, late) => {
        const begun = starts(sums(steps), perSecond, queueMs, late);
        expectNoMoreThan(
          perSecond,
          begun.filter((at) => at !== null),
        );
      }),
    );
  });
});

describe('Turns', () => {
  afterEach(() => vi.useRealTimers());

  it('counts from when a call was started, be that late', async () => {
    vi.useFakeTimers();
    // The clock goes on while the timers wait for their turn of the event loop.
    let behind = 0;
    const turns = new Turns(() => Date.now() + behind);
    const begun: number[] = [];
    const origin = Date.now();
    const taken = Array.from({ length: 6 }, async () => {
      await turns.take(2, 10_000);
      begun.push(Date.now() + behind - origin);
    });
    await vi.advanceTimersByTimeAsync(1049);
    behind = 300;
    await vi.advanceTimersByTimeAsync(5000);
    await Promise.all(taken);
    expect(begun).toHaveLength(6);
    expectNoMoreThan(2, begun);
    expect(begun.slice(0, 4)).toEqual([0, 0, 1350, 1350]);
  });

  it('knows at once who would wait for too long', async () => {
    const turns = new Turns(() => 0);
    expect(await Promise.all([1, 2].map(() => turns.take(1, 100)))).toEqual([true, false]);
  });
});
