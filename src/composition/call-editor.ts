import type { CallAmender } from '../call/amender.js';
import { amendmentOf, callerErased } from '../call/amendments.js';
import { judgedByOperator } from '../numbers/verdict.js';
import type { Call } from '../call/call.js';
import type { PromoCodes } from '../call/deps.js';
import { findByCode } from '../call/promo.js';
import type { Admissions } from '../call/ports.js';
import type { CallReader, CallEditor } from '../http/ports.js';
import { GatewayError, noSuchCall } from '../lib/errors.js';

/** Changes of calls by people, from what makes them. */
export function callEditor(
  amender: CallAmender,
  calls: Pick<CallReader, 'get'>,
  admissions: Admissions,
  promoCodes: PromoCodes,
): CallEditor {
  const callOf = async (callId: string): Promise<Call> => {
    const call = await calls.get(callId);
    if (!call) throw noSuchCall();
    if (call.caller.erased) throw callerErased();
    return call;
  };
  return {
    amend: (callId, change, by) => amender.amend(callId, amendmentOf(change, by)),
    correct: async (callId, leaseId, reason, by) => {
      const call = await callOf(callId);
      const at = Date.parse(call.startedAt);
      const { number, holders } = await admissions.lookUp(call.trackingNumber, at);
      const holder = holders.find((one) => one.leaseId === leaseId) ?? null;
      // The number may have gone to another site meanwhile: its visitors are not this call's.
      if (leaseId !== null && (!holder || number?.site !== call.site))
        throw new GatewayError('GW_ERR_BAD_REQUEST', "no holder of the call's number up to then had this lease", {
          refusal: { reason: 'visit_gone' },
        });
      const attribution = judgedByOperator(holder, at);
      return amender.amend(callId, amendmentOf({ kind: 'attribution', attribution, reason }, by));
    },
    holders: async (call) => {
      const { number, holders } = await admissions.lookUp(call.trackingNumber, Date.parse(call.startedAt));
      return number?.site === call.site ? holders : [];
    },
    correctByCode: async (callId, code, by) => {
      const found = await findByCode(await callOf(callId), code, promoCodes);
      if (!found)
        throw new GatewayError('GW_ERR_BAD_REQUEST', "no visitor of the call's site has had this code since then", {
          refusal: { reason: 'code_unknown' },
        });
      return amender.amend(callId, amendmentOf(found, by));
    },
  };
}
