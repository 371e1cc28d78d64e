import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Health, isAlive, nextHealth, shareOf, UNKNOWN_HEALTH } from '../../../src/health/health.js';

const POLICY = { down: 3, up: 2 };

/** `+` an answer, `-` a silence, one a second. */
function after(answers: string): Health {
  return Array.from(answers).reduce(
    (health, one, i) => nextHealth(health, one === '+', POLICY, i * 1000),
    UNKNOWN_HEALTH,
  );
}

describe('isAlive', () => {
  it.each([
    [null, false],
    [200, true],
    [302, true],
    [401, true],
    [404, true],
    [405, true],
    [408, false],
    [481, true],
    [486, true],
    [500, true],
    [501, true],
    [503, false],
    [504, false],
    [603, true],
  ])('%s: %s', (status, alive) => {
    expect(isAlive(status)).toBe(alive);
  });
});

describe('nextHealth', () => {
  it.each([
    ['', 'unknown'],
    ['+', 'up'],
    ['-', 'unknown'],
    ['--', 'unknown'],
    ['---', 'down'],
    ['--+', 'up'],
    ['+--', 'up'],
    ['+--+--', 'up'],
    ['+---', 'down'],
    ['+----', 'down'],
    ['+---+', 'down'],
    ['+---+-+', 'down'],
    ['+---+-++', 'up'],
    ['+---++', 'up'],
    ['---++--', 'up'],
    ['---++---', 'down'],
  ])('after %j it is %s', (answers, state) => {
    expect(after(answers).state).toBe(state);
  });

  it('says since when', () => {
    expect(after('+---').since).toBe(3000);
    expect(after('+---++')).toMatchObject({ since: 5000, returnedAt: 5000 });
    expect(after('++').returnedAt).toBeNull();
  });

  it('changes only by as many answers in a row as the policy says', () => {
    const run = fc.array(fc.boolean(), { maxLength: 80 });
    const policies = fc.record({
      down: fc.integer({ min: 1, max: 9 }),
      up: fc.integer({ min: 1, max: 9 }),
      ramp: fc.nat(),
    });
    fc.assert(
      fc.property(run, policies, (answers, policy) => {
        let health = UNKNOWN_HEALTH;
        answers.forEach((alive, i) => {
          const before = health.state;
          health = nextHealth(health, alive, policy, i);
          const inARow = (count: number, wanted: boolean) =>
            i + 1 >= count && answers.slice(i + 1 - count, i + 1).every((one) => one === wanted);
          if (health.state === 'down' && before !== 'down') expect(inARow(policy.down, false)).toBe(true);
          if (health.state === 'up' && before === 'down') expect(inARow(policy.up, true)).toBe(true);
          if (before !== 'down' && inARow(policy.down, false)) expect(health.state).toBe('down');
          if (before === 'down' && inARow(policy.up, true)) expect(health.against).toBeLessThan(policy.up);
        });
      }),
    );
  });
});

describe('shareOf', () => {
  it.each([
    ['unknown', UNKNOWN_HEALTH, 0, 1],
    ['down', after('---'), 10_000, 0],
    ['never down', after('+'), 0, 1],
    ['just back', after('---++'), 4000, 0.05],
    ['half way', after('---++'), 34_000, 0.5],
    ['back for long', after('---++'), 400_000, 1],
  ])('%s', (_, health, now, share) => {
    expect(shareOf(health, 60_000, now)).toBe(share);
  });
});
