import type Srf from 'drachtio-srf';
import { GatewayError } from '../lib/errors.js';
import { toError, withDeadline } from '../lib/deadline.js';
import { madeUp } from './failure.js';
import type { DrachtioLink } from './link.js';

/**
 * Sends a request outside a dialog: its final response, null where none came in time, or none can come. Rejects with
 * GW_ERR_LINK_LOST where the link to drachtio is down or goes down meanwhile: srf never calls back then, and nothing is
 * known of the far end.
 */
export async function requestOutside(
  link: DrachtioLink,
  options: Srf.RequestOptions,
  timeoutMs: number,
): Promise<Srf.SrfResponse | null> {
  const { srf } = link;
  const answered = new Promise<Srf.SrfResponse>((resolve, reject) => {
    srf.request(options, (error, request) => {
      if (error || !request) reject(toError(error ?? 'no request'));
      else
        request.on('response', (response) => {
          if (response.status >= 200) resolve(response);
        });
    });
  });
  try {
    const response = await withDeadline(answered, timeoutMs, options.method);
    return madeUp(response) ? null : response;
  } catch (error) {
    if (!link.up || link.srf !== srf) throw new GatewayError('GW_ERR_LINK_LOST', 'lost drachtio-server meanwhile');
    // drachtio refuses what it cannot send (a name that does not resolve): for the caller as good as silence.
    if (error instanceof GatewayError && error.code !== 'GW_ERR_DEADLINE') throw error;
    return null;
  }
}
