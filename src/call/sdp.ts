/** Where an SDP wants its audio: `IP4` or `IP6` (RFC 4566 5.7); null where it wants none. */
export function familyOf(sdp: string): string | null {
  const [session = '', ...media] = sdp.split(/^(?=m=)/m);
  const audio = media.find((one) => /^m=audio [1-9]/.test(one));
  const address = (text: string): string | undefined => /^c=IN (IP[46]) /m.exec(text)?.[1];
  return audio === undefined ? null : (address(audio) ?? address(session) ?? null);
}

/** Whether the answer to `offer` wants sound, and wants it where who offered can send any: IPv4 does not reach IPv6. */
export function hears(offer: string, answer: string): boolean {
  const family = familyOf(answer);
  return family !== null && family === familyOf(offer);
}

/**
 * `answer` with as many `m=` lines as `offer` has (RFC 3264 6). FreeSWITCH, where it had offered more of them itself, refuses those
 * behind them, in answers too (seen).
 */
export function fitting(offer: string, answer: string): string {
  const [session = '', ...media] = answer.split(/^(?=m=)/m);
  return session + media.slice(0, offer.match(/^m=/gm)?.length).join('');
}

/** Whether two SDPs want the same sound at the same place, whoever says so. */
export function sameMedia(one: string, other: string): boolean {
  const media = (sdp: string): string => sdp.replace(/^[vost]=.*$/gm, '').replace(/\s+/g, ' ');
  return media(one) === media(other);
}
