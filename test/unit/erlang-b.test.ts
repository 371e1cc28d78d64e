import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocking, channelsFor } from '../../src/lib/erlang-b.js';

describe('Erlang B', () => {
  // From published tables (erlang.com): traffic in Erlang, lines, blocking.
  it.each([
    [8.108, 15, 0.01],
    [33.33, 45, 0.01],
    [4.461, 10, 0.01],
    [12.03, 20, 0.01],
    [0.01, 1, 0.0099],
  ])('%s Erlang on %s lines loses %s', (offered, channels, share) => {
    expect(blocking(offered, channels)).toBeCloseTo(share, 3);
  });

  it('gives the fewest channels that keep to the target', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 500, noNaN: true }),
        fc.double({ min: 0.0001, max: 0.5, noNaN: true }),
        (a, t) => {
          const n = channelsFor(a, t);
          expect(blocking(a, n)).toBeLessThanOrEqual(t);
          if (n > 0) expect(blocking(a, n - 1)).toBeGreaterThan(t);
        },
      ),
    );
  });

  it('needs nothing for no traffic, and does not overflow on much', () => {
    expect(channelsFor(0, 0.01)).toBe(0);
    expect(blocking(0, 0)).toBe(0);
    expect(blocking(3, 0)).toBe(1);
    expect(Number.isFinite(blocking(5000, 4800))).toBe(true);
  });
});
