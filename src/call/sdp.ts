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

/** The codecs that FreeSWITCH takes on every leg, by their static payload types (RFC 3551 6). */
const CODECS = [
  ['8', 'PCMA'],
  ['0', 'PCMU'],
] as const;

/** An answer of FreeSWITCH's as an offer: both ways, and of every codec, since it had answered by one alone, to somebody who may have held. */
export function asNewOffer(answer: string): string {
  return answer
    .replace(/^a=(?:sendonly|recvonly|inactive)\b/m, 'a=sendrecv')
    .replace(/^(m=audio [1-9]\d* \S+ )(\S.*)$/m, (_, head: string, list: string) => {
      const types = list.trim().split(/\s+/);
      const spoken = types.filter((type) => CODECS.some(([codec]) => codec === type));
      const missing = CODECS.filter(([type]) => !types.includes(type));
      const others = types.filter((type) => !spoken.includes(type));
      const all = [...spoken, ...missing.map(([type]) => type), ...others].join(' ');
      return [head + all, ...missing.map(([type, name]) => `a=rtpmap:${type} ${name}/8000`)].join('\r\n');
    });
}

/** Whether two SDPs want the same sound at the same place, whoever says so. */
export function sameMedia(one: string, other: string): boolean {
  const media = (sdp: string): string => sdp.replace(/^[vost]=.*$/gm, '').replace(/\s+/g, ' ');
  return media(one) === media(other);
}
