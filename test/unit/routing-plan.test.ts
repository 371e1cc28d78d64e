import { describe, expect, it } from 'vitest';
import type { RouteConfig } from '../../src/config/schema.js';
import { isFinalForTarget, nextStepIndex } from '../../src/routing/plan.js';

function route(...conditions: RouteConfig['steps'][number]['when'][]): RouteConfig {
  return {
    id: 'r',
    steps: conditions.map((when, index) => ({ dial: [`t${index}`], strategy: 'in-order', when, for: 1000 })),
    for: 1000,
    retryRefused: false,
    recording: { mode: 'always' },
    maxDuration: 1000,
  };
}

describe('the next step of a route', () => {
  it('is the first one for a new call, whatever it says', () => {
    expect(nextStepIndex(route(['overflow'], ['always']), -1, null)).toBe(0);
  });

  it('is the one that names the reason for which the last step failed', () => {
    const way = route(['always'], ['overflow'], ['no-answer', 'busy'], ['unreachable']);
    expect(nextStepIndex(way, 0, { results: ['no_channel'] })).toBe(1);
    expect(nextStepIndex(way, 0, { results: ['capacity'] })).toBe(1);
    expect(nextStepIndex(way, 0, { results: ['no_answer'] })).toBe(2);
    expect(nextStepIndex(way, 0, { results: ['busy'] })).toBe(2);
    expect(nextStepIndex(way, 0, { results: ['declined'] })).toBe(2);
    expect(nextStepIndex(way, 0, { results: ['unreachable'] })).toBe(3);
    expect(nextStepIndex(way, 0, { results: ['busy', 'no_channel'] })).toBe(1);
  });

  it('may be none', () => {
    expect(nextStepIndex(route(['always'], ['overflow']), 0, { results: ['busy'] })).toBeNull();
    expect(nextStepIndex(route(['always'], ['always']), 1, { results: ['busy'] })).toBeNull();
  });

  it('takes a step that is for every case', () => {
    expect(nextStepIndex(route(['always'], ['overflow'], ['always']), 0, { results: ['declined'] })).toBe(2);
  });

  it('does not ring again who is busy, declined or does not exist', () => {
    expect((['busy', 'declined', 'unknown'] as const).every(isFinalForTarget)).toBe(true);
    expect((['no_answer', 'unreachable', 'capacity', 'no_channel'] as const).some(isFinalForTarget)).toBe(false);
  });
});
