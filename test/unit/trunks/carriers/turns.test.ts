import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextTurn, type Turns } from '../../../../src/trunks/carriers/turns.js';

/** Starts of the calls that came at `arrivals`; null where one had no turn in time. */
function starts(arrivals: readonly number[], perSecond: number, queueMs: number): (number | null)[] {
  let turns: Turns = [];
  return arrivals.map((now) => {
    const turn = nextTurn(turns, perSecond, queueMs, now);
    if (turn) turns = turn.turns;
    return turn?.at ?? null;
  });
}

describe('nextTurn', () => {
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

  it('never starts more than the limit in any second, late ones never, and all in the order they came', () => {
    const gaps = fc.array(fc.nat(700), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 20 }), fc.nat(3000), (steps, perSecond, queueMs) => {
        const arrivals = steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, step) => sum + step, 0));
        const begun = starts(arrivals, perSecond, queueMs);
        begun.forEach((at, i) => {
          if (at !== null) expect(at - (arrivals[i] ?? 0)).toBeLessThanOrEqual(queueMs + 50);
        });
        const times = begun.filter((at) => at !== null);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        for (const from of times) {
          expect(times.filter((at) => at >= from && at < from + 1050).length).toBeLessThanOrEqual(perSecond);
        }
      }),
    );
  });
});
