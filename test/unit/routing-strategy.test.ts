import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderGateways, orderTargets } from '../../src/routing/strategy.js';

const lastUsed = new Map([
  ['a', 300],
  ['b', 100],
]);

describe('the order of a step’s targets', () => {
  it('is as written, or turned by one each time, or the longest idle first', () => {
    expect(orderTargets(['a', 'b', 'c'], 'in-order', { turn: 5, lastUsed })).toEqual(['a', 'b', 'c']);
    expect(orderTargets(['a', 'b', 'c'], 'all-at-once', { turn: 5, lastUsed })).toEqual(['a', 'b', 'c']);
    expect(orderTargets(['a', 'b', 'c'], 'round-robin', { turn: 4, lastUsed })).toEqual(['b', 'c', 'a']);
    expect(orderTargets(['a', 'b', 'c', 'd'], 'least-recent', { turn: 0, lastUsed })).toEqual(['c', 'd', 'b', 'a']);
    expect(orderTargets([], 'round-robin', { turn: 4, lastUsed })).toEqual([]);
  });
});

describe('the order of a carrier’s gateways', () => {
  const gateways = [
    { uri: 'sip:spare', priority: 2, weight: 1 },
    { uri: 'sip:big', priority: 1, weight: 9 },
    { uri: 'sip:small', priority: 1, weight: 1 },
  ];

  it('puts the lowest priority first and loses none', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 3, maxLength: 3 }),
        (numbers) => {
          const order = orderGateways(gateways, () => numbers.pop() ?? 0).map(({ uri }) => uri);
          expect(order[2]).toBe('sip:spare');
          expect(new Set(order).size).toBe(3);
        },
      ),
    );
  });

  it('shares by weight, and gives less to one that has just come back', () => {
    const firsts = (share: (uri: string) => number) =>
      Array.from({ length: 100 }, (_, i) => orderGateways(gateways, () => i / 100, share)[0]?.uri).filter(
        (uri) => uri === 'sip:big',
      ).length;
    expect(firsts(() => 1)).toBe(90);
    expect(firsts((uri) => (uri === 'sip:big' ? 1 / 9 : 1))).toBe(50);
  });
});
