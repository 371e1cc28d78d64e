/**
 * Sound by SRTP with keys in SDP (RFC 4568), as far as a description tells. Each side of FreeSWITCH has keys of its own: what one side
 * is told never reaches the other. Keys in descriptions are those of our suite, in RTP/SAVP only (`sip/sanitise.ts`).
 */

/** How a leg of FreeSWITCH's is secured; `optional`: it offers both, and takes what is answered. */
export type SrtpMode = 'mandatory' | 'optional' | 'forbidden';

const SECURED = /^m=audio [1-9]\d* RTP\/SAVP [^]*^a=crypto:/m;
const PLAIN = /^m=audio [1-9]\d* RTP\/AVP /;

const partsOf = (sdp: string): [session: string, ...media: string[]] => {
  const [session = '', ...media] = sdp.split(/^(?=m=)/m);
  return [session, ...media];
};

/** The audio of `sdp` that is encrypted, or that is not. */
function audioOf(sdp: string, secured: boolean): string | undefined {
  const [, ...media] = partsOf(sdp);
  return media.find((one) => (secured ? SECURED : PLAIN).test(one));
}

/** Whether it wants, or gives, sound by SRTP. */
export const isSecured = (sdp: string): boolean => audioOf(sdp, true) !== undefined;

/**
 * G.711 by its static payload types (RFC 3551 6): all that our FreeSWITCH profile takes. Under a dynamic type FreeSWITCH
 * refuses it.
 */
export function offersOurCodecs(sdp: string, secured: boolean): boolean {
  const [, ...media] = partsOf(sdp);
  return media.some((one) => {
    if (!(secured ? SECURED : PLAIN).test(one)) return false;
    const [, payloads = ''] = /^m=audio \d+ \S+ (.*)$/m.exec(one) ?? [];
    return payloads.split(/\s+/).some((payload) => payload === '0' || payload === '8');
  });
}

/** What nobody asked for goes no further. */
export const withoutKeys = (sdp: string): string => sdp.replace(/^a=crypto:.*\r?\n?/gm, '');

/** How a caller's leg is secured by his trunk's word and his offer; null where it is not as his trunk demands. */
export function callerSrtp(
  policy: 'off' | 'optional' | 'required',
  offer: string,
): Exclude<SrtpMode, 'optional'> | null {
  if (policy !== 'off' && offersOurCodecs(offer, true)) return 'mandatory';
  return policy === 'required' ? null : 'forbidden';
}

/** FreeSWITCH's offer as one target gets it, with one kind of audio; null where it has none of that kind. */
export function offerTo(offer: string, secured: boolean): string | null {
  const audio = audioOf(offer, secured);
  return audio === undefined ? null : partsOf(offer)[0] + audio;
}

/** That target's answer as FreeSWITCH gets it: an `m=` line for each of its offer's (RFC 3264 6). */
export function answerTo(offer: string, answer: string): string {
  const [, ...offered] = partsOf(offer);
  if (answer === '' || offered.length < 2) return answer;
  const [session, ...given] = partsOf(answer);
  const secured = isSecured(answer);
  const media = offered.map((one) =>
    SECURED.test(one) === secured ? given.join('') : one.replace(/^m=audio \d+ (.*)[^]*$/, 'm=audio 0 $1\r\n'),
  );
  return session + media.join('');
}
