/** SDP offer and answer (RFC 3264) for one G.711 audio stream with telephone-events. */
import { parse } from 'sdp-transform';
import type { G711Law } from '../rtp/g711.js';
import { cryptoLine, cryptoOf, fits, type Crypto, type SrtpMode } from '../rtp/sdes.js';
import { newKey } from '../rtp/srtp.js';

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export const DEFAULT_TELEPHONE_EVENT = 101;

const LAW_OF: Readonly<Record<string, G711Law>> = { 'PCMA/8000': 'alaw', 'PCMU/8000': 'ulaw' };
const STATIC: Readonly<Record<number, string>> = { 0: 'PCMU/8000', 8: 'PCMA/8000' };
export const CODEC_NAME: Readonly<Record<G711Law, string>> = { alaw: 'PCMA', ulaw: 'PCMU' };

interface Codec {
  law: G711Law;
  payloadType: number;
}

/** What a session description says that we can work with. */
export interface RemoteAudio {
  address: string;
  port: number;
  law: G711Law;
  payloadType: number;
  /** The one that we like less, where it knows that too. */
  other: Codec | undefined;
  telephoneEvent: number | undefined;
  /** The key of what it sends; undefined in the clear. */
  crypto: Crypto | undefined;
  /** As the peer sees it. */
  direction: Direction;
  /** The peer holds: sendonly, inactive, or the old 0.0.0.0. */
  holding: boolean;
  /** `m=` lines before and behind it, as they are declined. */
  declined: { before: string[]; behind: string[] };
}

/** The peer's audio with the codec that we like best (A-law first); undefined when there is none in common, or no sense. */
export function readSdp(sdp: string, mode: SrtpMode): RemoteAudio | undefined {
  try {
    return readAudio(sdp, mode);
  } catch {
    // The parser leaves out what it did not find, whatever its types say.
    return undefined;
  }
}

function readAudio(sdp: string, mode: SrtpMode): RemoteAudio | undefined {
  const session = parse(sdp);
  const index = session.media.findIndex(
    ({ type, protocol, port, crypto }) => type === 'audio' && fits(mode, protocol, cryptoOf(crypto)) && port,
  );
  const media = session.media[index];
  if (media === undefined) return undefined;
  const names = codecNames(media.payloads, media.rtp);
  const [chosen, other] = codecsIn(names);
  if (chosen === undefined) return undefined;
  const direction = directionOf(media.direction ?? session.direction);
  const address = media.connection?.ip ?? session.connection?.ip ?? session.origin.address;
  return {
    address,
    port: media.port,
    ...chosen,
    other,
    crypto: media.protocol === 'RTP/SAVP' ? cryptoOf(media.crypto) : undefined,
    telephoneEvent: [...names].find(([, name]) => name === 'TELEPHONE-EVENT/8000')?.[0],
    direction,
    holding: direction === 'sendonly' || direction === 'inactive' || address === '0.0.0.0',
    declined: { before: declined(session.media.slice(0, index)), behind: declined(session.media.slice(index + 1)) },
  };
}

/** RFC 3264 6: the answer has as many `m=` lines as the offer; port 0 declines one. */
const declined = (media: { type: string; protocol: string; payloads?: string | undefined }[]): string[] =>
  media.map(({ type, protocol, payloads = '' }) => `m=${type} 0 ${protocol} ${payloads}`);

/** Payload type → `PCMA/8000`, in the peer's order. */
function codecNames(
  payloads: string | number | undefined,
  rtp: { payload: number; codec: string; rate?: number }[],
): Map<number, string> {
  const mapped = new Map(rtp.map((entry) => [entry.payload, `${entry.codec.toUpperCase()}/${entry.rate ?? 8000}`]));
  const names = new Map<number, string>();
  // A single payload type comes from the parser as a number.
  for (const text of String(payloads ?? '').split(/\s+/)) {
    const payload = Number(text);
    const name = mapped.get(payload) ?? STATIC[payload];
    if (name !== undefined) names.set(payload, name);
  }
  return names;
}

/** Greedy: our order of preference counts, not the peer's. */
function codecsIn(names: ReadonlyMap<number, string>): Codec[] {
  return ['PCMA/8000', 'PCMU/8000'].flatMap((wanted) => {
    const found = [...names].find(([, name]) => name === wanted);
    const law = LAW_OF[wanted];
    return found !== undefined && law !== undefined ? [{ law, payloadType: found[0] }] : [];
  });
}

const directionOf = (text: string | undefined): Direction =>
  text === 'sendonly' || text === 'recvonly' || text === 'inactive' ? text : 'sendrecv';

/** Our direction in answer to the peer's. */
export function answerDirection(remote: Direction): Direction {
  if (remote === 'sendonly') return 'recvonly';
  if (remote === 'recvonly') return 'sendonly';
  return remote;
}

/** The real one counts the suites that it knows. */
const OWN_TAG = 7;

let nextSessionId = Math.floor(Date.now() / 1000);

/** Writes the descriptions of one leg; every new one has a higher version (RFC 3264 section 8). */
export class SdpWriter {
  /** Of what this leg sends, where that is encrypted. */
  key = newKey();
  /** May be changed until the first description. */
  srtp: SrtpMode = 'forbidden';
  readonly #sessionId = nextSessionId++;
  #version = this.#sessionId;
  /** `m=` lines of the last one: the next has no fewer. */
  #media = 0;

  constructor(private readonly address: string) {}

  /** Whoever brings another key, or the same under another tag, is answered with another one. */
  renewKey(): void {
    this.key = newKey();
  }

  offer(port: number): string {
    return this.#write(port, [8, 0], DEFAULT_TELEPHONE_EVENT, 'sendrecv');
  }

  answer(port: number, remote: RemoteAudio): string {
    return this.#write(port, [remote.payloadType], remote.telephoneEvent, answerDirection(remote.direction), remote);
  }

  /** One `m=` line for each; the real one offers the encrypted one first where both will do. */
  #cryptos(remote: RemoteAudio | undefined): (Crypto | undefined)[] {
    const own = { tag: remote?.crypto?.tag ?? OWN_TAG, inline: this.key };
    if (remote) return [remote.crypto && own];
    return { mandatory: [own], optional: [own, undefined], forbidden: [undefined] }[this.srtp];
  }

  #write(
    port: number,
    payloads: number[],
    event: number | undefined,
    direction: Direction,
    remote?: RemoteAudio,
  ): string {
    const law = remote?.law;
    this.#version += 1;
    const all = event === undefined ? payloads : [...payloads, event];
    const attributes = [
      ...payloads.map((payload) => `a=rtpmap:${payload} ${law ? `${CODEC_NAME[law]}/8000` : (STATIC[payload] ?? '')}`),
      ...(event === undefined ? [] : [`a=rtpmap:${event} telephone-event/8000`, `a=fmtp:${event} 0-15`]),
      ...(direction === 'sendrecv' ? [] : [`a=${direction}`]),
      'a=ptime:20',
    ];
    const section = (crypto: Crypto | undefined): string =>
      [
        `m=audio ${port} ${crypto ? 'RTP/SAVP' : 'RTP/AVP'} ${all.join(' ')}`,
        ...attributes,
        ...(crypto ? [cryptoLine(crypto)] : []),
      ].join('\r\n');
    const media = [
      ...(remote?.declined.before ?? []),
      ...this.#cryptos(remote).map(section),
      ...(remote?.declined.behind ?? []),
    ];
    while (media.length < this.#media) media.push(`m=audio 0 RTP/AVP ${all.join(' ')}`);
    this.#media = media.length;
    const lines = [
      'v=0',
      `o=FreeSWITCH ${this.#sessionId} ${this.#version} IN IP4 ${this.address}`,
      's=FreeSWITCH',
      `c=IN IP4 ${this.address}`,
      't=0 0',
      ...media,
    ];
    return `${lines.join('\r\n')}\r\n`;
  }
}
