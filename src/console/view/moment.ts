import { GatewayError } from '../../lib/errors.js';
import { offsetAt } from '../../lib/local-time.js';

const LAST = Date.parse('9999-12-30T00:00Z');

/** What a field for date and time holds (`2026-11-21T13:00`, or a day) at the clocks of `timeZone`, ms since the epoch. */
export function momentOf(text: string | undefined, timeZone: string): number | undefined {
  if (text === undefined) return undefined;
  const asUtc = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(text)
    ? Date.parse(text.length > 10 ? `${text}Z` : text)
    : NaN;
  if (Number.isNaN(asUtc)) throw new GatewayError('GW_ERR_BAD_REQUEST', text, { refusal: { reason: 'moment' } });
  // For ever: at the clocks of other places it is the year 10000.
  if (asUtc > LAST) return asUtc;
  // The offset at the place's own time: it may differ from that at the same time in UTC, near a change of the clocks.
  return asUtc - offsetAt(asUtc - offsetAt(asUtc, timeZone), timeZone);
}
