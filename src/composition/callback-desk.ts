import type { CallAmender } from '../call/amender.js';
import { amendmentOf } from '../call/amendments.js';
import { wholeNumbers } from '../history/numbers.js';
import type { CallbackBook, WaitingCaller } from '../history/query.js';
import type { CallbackDesk, CallbackOutcome } from '../http/ports.js';
import { GatewayError } from '../lib/errors.js';

/** In a shorter one nobody has spoken: so it is with the caller's own calls too. */
const SHORTEST_TALK_SECONDS = 1;

/** Tells callers who wait from those whom the business has reached. */
export function callbackDesk(
  book: CallbackBook,
  amender: Pick<CallAmender, 'amend'>,
  countries: () => readonly string[],
): CallbackDesk {
  return {
    report: async ({ number, sites, at, line, by, ...told }) => {
      const talkSeconds = told.talkSeconds < SHORTEST_TALK_SECONDS ? 0 : told.talkSeconds;
      const numbers = wholeNumbers(number, countries());
      if (numbers.length === 0)
        throw new GatewayError('GW_ERR_BAD_REQUEST', '"number" must be a whole number, like "+79160000001"');
      const waiting = await book.note({ numbers, sites, at, talkSeconds });
      if (talkSeconds === 0)
        return { settled: [], tried: waiting.map(({ site, callId, tries }) => ({ site, callId, tries })) };
      const settled: CallbackOutcome['settled'] = [];
      const callback = { at: new Date(at).toISOString(), talkSeconds, line };
      for (const one of waiting) {
        // The queue follows from the call, in the step that writes the call and its event.
        const change = { kind: 'called-back', callback: { ...callback, tries: one.tries } } as const;
        if (await settle(amender, one, amendmentOf(change, by)))
          settled.push({
            site: one.site,
            callId: one.callId,
            waitedSeconds: Math.max(0, Math.round((at - one.firstAt) / 1000)),
          });
      }
      return { settled, tried: [] };
    },
  };
}

/** False where his call has just left the history, and he the queue. */
async function settle(
  amender: Pick<CallAmender, 'amend'>,
  { callId }: WaitingCaller,
  amendment: Parameters<CallAmender['amend']>[1],
): Promise<boolean> {
  try {
    await amender.amend(callId, amendment);
    return true;
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'GW_ERR_NOT_FOUND') return false;
    throw error;
  }
}
