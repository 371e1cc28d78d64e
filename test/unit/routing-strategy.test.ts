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

  /** How many of 100 calls, spread evenly over chance, go to `uri` first. */
  const firstAt = (uri: string, share: (uri: string) => number) =>
    Array.from({ length: 100 }, (_, i) => orderGateways(gateways, () => i / 100, share)[0]?.uri).filter(
      (first) => first === uri,
    ).length;

  it('shares by weight', () => {
    expect(firstAt('sip:big', () => 1)).toBe(90);
    expect(firstAt('sip:small', () => 1)).toBe(10);
  });

  it('gives one that has just come back a share of its calls, the spare ones the others', () => {
    const bigIsBack = (uri: string) => (uri === 'sip:big' ? 0.2 : 1);
    expect(firstAt('sip:big', bigIsBack)).toBe(20);
    expect(firstAt('sip:spare', bigIsBack)).toBe(0);
    const mainIsBack = (uri: string) => (uri === 'sip:spare' ? 1 : 0.2);
    expect(firstAt('sip:spare', mainIsBack)).toBe(80);
    expect(firstAt('sip:spare', () => 0.2)).toBe(0);
  });

  it('loses none of them, whoever has come back', () => {
    for (let i = 0; i < 100; i += 1)
      expect(
        new Set(
          orderGateways(
            gateways,
            () => i / 100,
            () => 0.5,
          ),
        ).size,
      ).toBe(gateways.length);
  });
});
