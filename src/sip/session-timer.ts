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
