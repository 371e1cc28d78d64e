import { inBackground } from '../lib/background.js';
import { toError, withDeadline } from '../lib/deadline.js';
import { judgedByCode } from '../numbers/verdict.js';
import type { CallDeps } from './deps.js';
import type { CallSession } from './session.js';

/** Redis answers in about a millisecond; the business is dialled after this, whoever calls. */
const TIMEOUT_MS = 400;

/**
 * The caller keyed in a promo code: whoever was shown it is calling. What is no code, or nobody's, changes nothing.
 * Without Redis the code is looked up again when it is back. The keys are not logged.
 */
export async function attributeByCode(session: CallSession, code: string, deps: CallDeps): Promise<void> {
  const { site } = session.call;
  if (site === null) return;
  const judge = async (): Promise<void> => {
    const holder = await deps.promoCodes.find(site, code);
    session.logger.info({ found: holder !== null }, 'promo code keyed in');
    if (holder) session.correctVerdict(judgedByCode(holder, Date.parse(session.call.startedAt)), 'promo code');
  };
  try {
    await withDeadline(judge(), TIMEOUT_MS, 'promo code');
  } catch (error) {
    session.logger.warn({ err: toError(error) }, 'promo code not looked up yet');
    inBackground(
      session
        .written()
        .then(judge)
        .catch((again: unknown) => session.logger.warn({ err: toError(again) }, 'promo code not looked up')),
    );
  }
}
