import Srf from 'drachtio-srf';
import type { SipFailure } from '../call/sip-ports.js';
import { answerChallenge, type DigestCredentials } from '../lib/digest.js';
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

/**
 * `given` and the header that answers a 401 or 407, by the first of its challenges that we can answer; null for any other
 * response. A proxy and who stands behind it ask one after the other, each once (RFC 3261 22.3); who asks again does not
 * take the password.
 */
export function answerToChallenge(
  response: Srf.SrfResponse | undefined,
  { method, uri, given }: { method: string; uri: string; given: Readonly<Record<string, string>> },
  auth: DigestCredentials,
): Record<string, string> | null {
  if (response?.status !== 401 && response?.status !== 407) return null;
  const proxy = response.status === 407;
  const header = proxy ? 'Proxy-Authorization' : 'Authorization';
  if (header in given) return null;
  const joined = response.get(proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate') ?? '';
  // srf joins headers of one name by commas; RFC 8760 2.4: one header for each algorithm.
  const values = joined.split(/,\s*(?=Digest\s)/i);
  const answer = values.map((value) => answerChallenge(value, method, uri, auth)).find(Boolean);
  return answer ? { ...given, [header]: answer } : null;
}
