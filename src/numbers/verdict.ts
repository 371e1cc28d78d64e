import type { Attribution } from '../call/call.js';
import type { AdmissionAnswer } from '../call/ports.js';

/**
 * Whose call is it: a pure function from what admission returned to the verdict. The answer is frozen into the call;
 * what becomes of the lease afterwards does not touch it.
 */
export function attribute(answer: Pick<AdmissionAnswer, 'number' | 'lease'>, at: number): Attribution {
  const { number, lease } = answer;
  if (number === null) return NO_VERDICT;
  if (lease) {
    return {
      verdict: 'exact',
      confidence: 1,
      rule: 'active-lease',
      leaseId: lease.leaseId,
      leaseAgeSeconds: Math.round((at - lease.leasedAt) / 1000),
      session: lease.session,
      source: number.source,
      candidates: [],
    };
  }
  if (number.kind === 'static') {
    return { ...NO_VERDICT, verdict: 'static', confidence: 1, rule: 'static-number', source: number.source };
  }
  return NO_VERDICT;
}

const NO_VERDICT: Attribution = {
  verdict: 'none',
  confidence: 0,
  rule: 'no-lease',
  leaseId: null,
  leaseAgeSeconds: null,
  session: null,
  source: null,
  candidates: [],
};

/** Redis did not answer in time: the call goes on, and a correction event follows once it does. */
export const DEFERRED: Attribution = { ...NO_VERDICT, verdict: 'deferred', rule: 'store-away' };
