import { describe, expect, it } from 'vitest';
import { retryDelay } from '../../../src/sip/registration.js';

describe('retryDelay', () => {
  it.each([
    [1, 5_000],
    [2, 10_000],
    [3, 20_000],
    [6, 160_000],
    [7, 300_000],
    [1000, 300_000],
  ])('after %d failures about %d ms', (failures, ms) => {
    expect(retryDelay(failures, 0.5)).toBeCloseTo(ms);
    expect(retryDelay(failures, 0)).toBeCloseTo(ms * 0.8);
    expect(retryDelay(failures, 1)).toBeCloseTo(ms * 1.2);
  });
});
