import { judge } from './attribution.js';
import type { Attribution, Call } from './call.js';
import { describeHistory } from './callers.js';
import type { CallDeps } from './deps.js';

/**
 * What Redis could not say when the call came, as of then: the caller's history goes into the call, the verdict is
 * returned. Screening is not made up for, since the caller has been let in. Rejects with GW_ERR_REDIS_AWAY.
 */
export async function findDeferred(
  call: Call,
  deps: Pick<CallDeps, 'admissions' | 'config' | 'callRates'>,
): Promise<Attribution> {
  const at = Date.parse(call.startedAt);
  const { number } = call.caller;
  const caller = number === null ? null : { number, callId: call.id };
  const found = await deps.admissions.lookUp(call.trackingNumber, at, caller);
  // What he told another business is not told here, should the number have become another site's.
  const history = found.number?.site === call.site ? found.history : null;
  describeHistory(call, history, at, deps);
  return judge(found, history?.known ?? null, at, deps);
}
