import type { LegResult } from '../call/call.js';
import type { RouteConfig } from '../config/schema.js';

export type StepCondition = RouteConfig['steps'][number]['when'][number];

/** What happened in the steps tried so far, in order. */
export interface TriedStep {
  results: LegResult[];
}

const CONDITION_OF: Readonly<Record<LegResult, StepCondition | null>> = {
  no_channel: 'overflow',
  capacity: 'overflow',
  no_answer: 'no-answer',
  busy: 'busy',
  declined: 'busy',
  unreachable: 'unreachable',
  not_registered: 'unreachable',
  failed: 'unreachable',
  incompatible: 'unreachable',
  redirected: 'unreachable',
  unknown: 'unreachable',
  answered: null,
  cancelled: null,
};

/** Why the last step tried did not connect the caller, in the words of `when`. */
export function reasonsOf(tried: TriedStep): Set<StepCondition> {
  const reasons = new Set<StepCondition>();
  for (const result of tried.results) {
    const reason = CONDITION_OF[result];
    if (reason) reasons.add(reason);
  }
  return reasons;
}

/**
 * Index of the step to try after `lastIndex` (-1: none was reached yet), or null when the route is at its end. A step is
 * taken when it says `always` or names a reason for which the last tried step failed; one that is of no use
 * now (closed, or whoever it would ring has refused) is passed over.
 */
export function nextStepIndex(
  route: RouteConfig,
  lastIndex: number,
  last: TriedStep | null,
  usable: (index: number) => boolean = () => true,
): number | null {
  const reasons = last === null ? new Set<StepCondition>() : reasonsOf(last);
  for (let index = lastIndex + 1; index < route.steps.length; index++) {
    const when = route.steps[index]?.when ?? [];
    const wanted = index === 0 || when.includes('always') || when.some((condition) => reasons.has(condition));
    if (wanted && usable(index)) return index;
  }
  return null;
}

/** A target that gave such an answer is not rung again by a later step. */
export function isFinalForTarget(result: LegResult): boolean {
  return result === 'busy' || result === 'declined' || result === 'unknown';
}
