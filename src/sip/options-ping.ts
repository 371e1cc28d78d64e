import type Srf from 'drachtio-srf';
import { withDeadline } from '../lib/deadline.js';

/** Shorter than RFC 3261's 32 s: who has not answered by then is not there for a caller either. */
const TIMEOUT_MS = 5000;

/**
 * Sends OPTIONS outside a dialog; the final status, null for silence. drachtio makes up a 408 where nobody answers and
 * a 503 where nothing can be sent: both count as silence, as does a link that drops meanwhile. Never rejects.
 */
export function askOptions(srf: Srf, target: { uri: string; proxy: string | null }): Promise<number | null> {
  const asked = new Promise<number | null>((resolve) => {
    const { uri, proxy } = target;
    srf.request({ uri, method: 'OPTIONS', ...(proxy === null ? {} : { proxy }) }, (error, request) => {
      if (error || !request) resolve(null);
      else request.on('response', (response) => resolve(statusOf(response.status)));
    });
  });
  return withDeadline(asked, TIMEOUT_MS, 'OPTIONS').catch(() => null);
}

const statusOf = (status: number): number | null => (status === 408 || status === 503 ? null : status);
