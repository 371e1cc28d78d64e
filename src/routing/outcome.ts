import type { LegResult } from '../call/call.js';
import type { SipFailure } from '../call/sip-ports.js';

/** Q.850 causes by which a network says "no circuit", whatever the SIP status beside them (Q.850 2.2.7). */
const CAPACITY_CAUSES = new Set([34, 38, 41, 42, 44, 47]);
const CAUSE_USER_BUSY = 17;
const CAUSE_NO_ANSWER = new Set([18, 19]);
const CAUSE_UNALLOCATED = new Set([1, 28]);

const BY_STATUS: Readonly<Record<number, LegResult>> = {
  404: 'unknown',
  410: 'unknown',
  484: 'unknown',
  604: 'unknown',
  408: 'no_answer',
  480: 'no_answer',
  486: 'busy',
  600: 'busy',
  603: 'declined',
  403: 'declined',
  488: 'incompatible',
  606: 'incompatible',
  415: 'incompatible',
  // Nobody here has cancelled it: a network's own timer has (some exchanges end an unanswered call so).
  487: 'no_answer',
};

/**
 * What a refusal means for routing. The trunk's own capacity codes win (`503`, `486/34`, `403/User channel limit
 * exceeded`), then the Q.850 cause (34 is "no circuit" behind any status; 486 with 17 is a busy person), then the status.
 */
export function classifyFailure(failure: SipFailure, capacityCodes: readonly string[]): LegResult {
  if (failure.status === null) return 'unreachable';
  if (capacityCodes.some((code) => matchesCapacityCode(failure, code))) return 'capacity';
  if (failure.q850 !== null) {
    if (CAPACITY_CAUSES.has(failure.q850)) return 'capacity';
    if (failure.q850 === CAUSE_USER_BUSY) return 'busy';
    if (CAUSE_UNALLOCATED.has(failure.q850)) return 'unknown';
    if (CAUSE_NO_ANSWER.has(failure.q850) && failure.status >= 480) return 'no_answer';
  }
  if (failure.status >= 300 && failure.status < 400) return 'redirected';
  const known = BY_STATUS[failure.status];
  if (known !== undefined) return known;
  return failure.status >= 500 && failure.status < 600 ? 'unreachable' : 'failed';
}

function matchesCapacityCode(failure: SipFailure, code: string): boolean {
  const slash = code.indexOf('/');
  const status = slash < 0 ? code : code.slice(0, slash);
  if (Number(status) !== failure.status) return false;
  if (slash < 0) return failure.q850 === null || failure.q850 !== CAUSE_USER_BUSY;
  const detail = code.slice(slash + 1);
  if (/^\d+$/.test(detail)) return failure.q850 === Number(detail);
  return [failure.reason, ...failure.texts].some((text) => text.toLowerCase().includes(detail.toLowerCase()));
}
