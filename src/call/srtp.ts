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

interface CryptoLine {
  tag: string;
  /** Suite, key and what follows it. */
  rest: string;
  /** The key alone. */
  key: string;
}

/** null where it has no key, or several to choose from. */
function cryptoIn(sdp: string): CryptoLine | null {
  if (sdp.match(/^a=crypto:/gm)?.length !== 1) return null;
  const [, tag, rest, key] = /^a=crypto:(\d+) (\S+ inline:([^|\s]+)\S*.*?)\s*$/m.exec(sdp) ?? [];
  return tag === undefined || rest === undefined || key === undefined ? null : { tag, rest, key };
}

/** Whether two descriptions of one side have the same key, or none. */
export const sameKey = (one: string, other: string): boolean => cryptoIn(one)?.key === cryptoIn(other)?.key;

const withCrypto = (sdp: string, { tag, rest }: Pick<CryptoLine, 'tag' | 'rest'>): string =>
  sdp.replace(/^a=crypto:.*$/m, () => `a=crypto:${tag} ${rest}`);

/** An offer about keys as FreeSWITCH is to get it, and its answer to that as who offers is to get it. */
interface KeyOffer {
  offer: string;
  answerTo: (answer: string) => string;
}

/**
 * One that changes no key; null where it does change it, or has none. FreeSWITCH takes the old key under another tag for a new one, and
 * makes itself another in turn.
 */
export function underSameKeys(known: string, offer: string, told: string): KeyOffer | null {
  const [theirs, theirsNow, ours] = [known, offer, told].map(cryptoIn);
  if (!theirs || !theirsNow || !ours || theirs.key !== theirsNow.key) return null;
  return {
    offer: withCrypto(offer, theirs),
    answerTo: (answer) => withCrypto(answer, { tag: theirsNow.tag, rest: ours.rest }),
  };
}

/** One try in 256 fails. FreeSWITCH's own tag for our suite is 7: no try may have that. */
export const NEW_KEY_TRIES = 4;

/**
 * One that brings FreeSWITCH another key, at its `attempt`th try, from 1; null where it has none. FreeSWITCH makes itself another in turn,
 * under the tag of the offer. One of 256 begins with a zero, which it takes for none when it writes its answer: there it makes yet another
 * and tells it, under a tag of its own, but never sends by it (switch_core_media_build_crypto). By another tag it begins anew.
 */
export function underNewKey(
  offer: string,
  attempt: number,
): (KeyOffer & { sends: (answer: string) => boolean }) | null {
  const theirs = cryptoIn(offer);
  if (!theirs) return null;
  const tag = String(attempt);
  return {
    offer: withCrypto(offer, { ...theirs, tag }),
    sends: (answer) => (cryptoIn(answer)?.tag ?? tag) === tag,
    answerTo: (answer) => {
      const ours = cryptoIn(answer);
      return ours ? withCrypto(answer, { ...ours, tag: theirs.tag }) : answer;
    },
  };
}

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
