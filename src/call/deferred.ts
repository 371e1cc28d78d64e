import type { AmendmentKind } from './amendments.js';
import { judge } from './attribution.js';
import type { Call } from './call.js';
import { describeHistory } from './callers.js';
import type { CallDeps } from './deps.js';

/**
 * What Redis could not say when the call came, as of then: the verdict and the caller's history, as one correction.
 * Screening is not made up for, since the caller has been let in. Rejects with GW_ERR_REDIS_AWAY.
 */
export async function findDeferred(
  call: Call,
  deps: Pick<CallDeps, 'admissions' | 'config' | 'callRates'>,
): Promise<AmendmentKind> {
  const at = Date.parse(call.startedAt);
  const { number } = call.caller;
  const caller = number === null ? null : { number, callId: call.id };
  const found = await deps.admissions.lookUp(call.trackingNumber, at, caller);
  // What he told another business is not told here, should the number have become another site's.
  const history = found.number?.site === call.site ? found.history : null;
  const then: Call = { ...call, caller: { ...call.caller }, tags: [] };
  describeHistory(then, history, at, deps);
  const { firstCall, previousCalls, lastCallAt, lastDisposition } = then.caller;
  return {
    kind: 'attribution',
    attribution: judge(found, history?.known ?? null, at, deps),
    past: history && { caller: { firstCall, previousCalls, lastCallAt, lastDisposition }, tags: then.tags },
    reason: 'store was away when the call came',
  };
}
