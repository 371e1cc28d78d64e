import { inBackground } from '../lib/background.js';
import { toError, withDeadline } from '../lib/deadline.js';
import { judgedByCode } from '../numbers/verdict.js';
import { amendmentOf, type AmendmentKind } from './amendments.js';
import type { Call } from './call.js';
import type { CallDeps, PromoCodes } from './deps.js';
import type { CallSession } from './session.js';

/** Redis answers in about a millisecond. After this the business is dialled, whoever is calling. */
const TIMEOUT_MS = 400;

/**
 * The caller keyed in a promo code: whoever was shown it is calling. What is no code, or nobody's, changes nothing.
 * Without Redis the code is looked up again when it is back. The keys are not logged.
 */
export async function attributeByCode(session: CallSession, code: string, deps: CallDeps): Promise<void> {
  const { call } = session;
  try {
    const found = await withDeadline(findByCode(call, code, deps.promoCodes), TIMEOUT_MS, 'promo code');
    session.logger.info({ found: found !== null }, 'promo code keyed in');
    if (found) inBackground(session.amend(amendmentOf(found, 'gateway')));
  } catch (error) {
    session.logger.warn({ err: toError(error) }, 'promo code not looked up yet');
    inBackground(session.written().then(() => deps.callers.codeGiven(call, code)));
  }
}

/**
 * Whose call it is by the promo code that its caller gave. null where the code is nobody's, or was lent to its present
 * holder only after the caller had hung up. Rejects with GW_ERR_REDIS_AWAY.
 */
export async function findByCode(call: Call, code: string, codes: PromoCodes): Promise<AmendmentKind | null> {
  const holder = call.site === null ? null : await codes.find(call.site, code);
  if (!holder || (call.endedAt !== null && holder.leasedAt > Date.parse(call.endedAt))) return null;
  return {
    kind: 'attribution',
    attribution: judgedByCode(holder, Date.parse(call.startedAt)),
    reason: 'promo code',
  };
}
