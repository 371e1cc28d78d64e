import type Srf from 'drachtio-srf';

/**
 * The session timer in our 200 to an INVITE or UPDATE (RFC 4028 9). Who insists on one (`Require: timer`) and is not told
 * of it hangs up at once. Who refreshes and is not told that it goes on stops, and drachtio-server, which waits for the
 * next refresh by what the request said, hangs up in the middle of the talk. Who only offers one gets none.
 */
export function timerInAnswer(request: Srf.SrfRequest): Record<string, string> {
  const wanted = request.get('Session-Expires') ?? request.get('x') ?? '';
  const [, seconds, parameters = ''] = /^\s*(\d{1,10})\s*(;.*)?$/.exec(wanted) ?? [];
  const named = /;\s*refresher\s*=\s*(uac|uas)\b/i.exec(parameters)?.[1]?.toLowerCase();
  const refresher = named ?? (/\btimer\b/i.test(request.get('Require') ?? '') ? 'uac' : undefined);
  if (seconds === undefined || refresher === undefined) return {};
  const timer = { 'Session-Expires': `${seconds};refresher=${refresher}` };
  return refresher === 'uac' ? { ...timer, Require: 'timer' } : timer;
}

/** RFC 4028 4.2: what it recommends, seconds. */
const OFFERED_SECONDS = 1800;

/**
 * What our INVITE is to say so that it is taken by who has refused the one with the headers `sent`: that it may have a session timer, to
 * one who insists (421), and a longer one where he finds ours too short (422). He is to refresh: of what we send in a dialog he may ask
 * for a digest, and drachtio-server, which would refresh for us, has no answer to that. null where he did not ask, or asks once more.
 */
export function timerAskedFor(
  response: Pick<Srf.SrfResponse, 'status' | 'get'> | undefined,
  sent: Readonly<Record<string, string>>,
): Record<string, string> | null {
  const offered = sent['Session-Expires'] !== undefined;
  if (response?.status === 421 && !offered && /\btimer\b/i.test(response.get('Require') ?? ''))
    return { Supported: 'timer', 'Session-Expires': offerOf(OFFERED_SECONDS) };
  const [, least] = /^\s*(\d{1,5})\s*(?:;|$)/.exec(response?.get('Min-SE') ?? '') ?? [];
  if (response?.status !== 422 || least === undefined || !offered || sent['Min-SE'] !== undefined) return null;
  const seconds = Math.max(OFFERED_SECONDS, Number(least));
  return { Supported: 'timer', 'Session-Expires': offerOf(seconds), 'Min-SE': least };
}

const offerOf = (seconds: number): string => `${seconds};refresher=uas`;
