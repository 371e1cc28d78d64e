import Srf from 'drachtio-srf';
import type { SipFailure } from '../call/sip-ports.js';
import { cleanHeaderValue, q850Cause, quotedTexts } from './sanitise.js';

/** A refusal of a request inside a dialog. */
export class SipFailureError extends Error {
  readonly status: number;

  constructor(response: Srf.SrfResponse) {
    super(`refused with ${response.status} ${response.reason}`);
    this.status = response.status;
  }
}

/**
 * drachtio's own word where nobody got the request: 503 for a closed port or a name that does not resolve, 408 for
 * silence. It came from nowhere. A carrier that is away would look like one that is full otherwise.
 */
export const madeUp = (response: Srf.SrfResponse | undefined): boolean => response?.source_address === '';

/** What srf rejected with, in our words; anything that is not the far end's answer has no status. */
export function toSipFailure(error: unknown): SipFailure {
  if (error instanceof Srf.SipError && !madeUp(error.res)) {
    const retryAfter = Number.parseInt(error.res?.get('Retry-After') ?? '', 10);
    return {
      status: error.status,
      reason: cleanHeaderValue(error.reason),
      texts: [error.res?.get('Reason'), error.res?.get('Warning')].flatMap(quotedTexts),
      q850: q850Cause(error.res?.get('Reason')),
      retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : null,
    };
  }
  return {
    status: null,
    reason: String((error as Error | undefined)?.message ?? error),
    texts: [],
    q850: null,
    retryAfterSeconds: null,
  };
}
