import type { EndReason, LossReason } from './call.js';

/** Without sound there is no call. */
export const mediaFailure = (sip?: number): CallEnd => ({
  by: 'gateway',
  reason: 'media_failure',
  loss: 'media_failure',
  ...(sip !== undefined && { sip }),
});

/** Why a call is closed. `loss` is given where the legs do not tell it. */
export interface CallEnd {
  by: 'caller' | 'business' | 'gateway';
  reason: EndReason;
  loss?: LossReason;
  /** Final SIP status for a caller who was not answered; otherwise it follows from the loss reason. */
  sip?: number;
  headers?: Record<string, string>;
  /** The call was not to be connected at all (unknown number, blocked caller). */
  rejected?: boolean;
  /** Played to the caller, unbilled, before the refusal. */
  announcement?: string;
}
