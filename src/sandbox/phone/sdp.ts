import { parse } from 'sdp-transform';
import type { G711Law } from '../rtp/g711.js';
import { cryptoLine, cryptoOf, fits, type Crypto } from '../rtp/sdes.js';
import type { RtpParameters } from '../rtp/session.js';
import { newKey } from '../rtp/srtp.js';

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

const PAYLOAD: Readonly<Record<G711Law, number>> = { alaw: 8, ulaw: 0 };
const NAME: Readonly<Record<G711Law, string>> = { alaw: 'PCMA', ulaw: 'PCMU' };
const TELEPHONE_EVENT = 101;

/** The other side's audio as far as a G.711 phone understands it. */
export interface RemoteAudio {
  address: string;
  port: number;
  law: G711Law;
  payloadType: number;
  telephoneEvent: number | undefined;
  crypto: Crypto | undefined;
  direction: Direction;
}

/** The first audio stream with the first of `laws` that it offers; undefined when nothing fits. */
export function readRemoteAudio(sdp: string, laws: readonly G711Law[], secured = false): RemoteAudio | undefined {
  const session = parse(sdp);
  const mode = secured ? 'mandatory' : 'forbidden';
  const media = session.media.find(
    ({ type, protocol, port, crypto }) => type === 'audio' && port > 0 && fits(mode, protocol, cryptoOf(crypto)),
  );
  if (!media) return undefined;
  const names = new Map([
    [0, 'PCMU'],
    [8, 'PCMA'],
  ]);
  for (const { payload, codec } of media.rtp) names.set(payload, codec.toUpperCase());
  const offered = payloadTypes(media.payloads);
  const typeOf = (name: string): number | undefined => offered.find((payload) => names.get(payload) === name);
  const law = laws.find((one) => typeOf(NAME[one]) !== undefined);
  const address = media.connection?.ip ?? session.connection?.ip;
  if (law === undefined || address === undefined) return undefined;
  const direction = media.direction ?? session.direction ?? 'sendrecv';
  const payloadType = typeOf(NAME[law]) ?? PAYLOAD[law];
  const crypto = secured ? cryptoOf(media.crypto) : undefined;
  return { address, port: media.port, law, payloadType, telephoneEvent: typeOf('TELEPHONE-EVENT'), crypto, direction };
}

/** sdp-transform makes a number of one that stands alone. */
const payloadTypes = (written: string | number | undefined): number[] =>
  String(written ?? '')
    .split(/\s+/)
    .map(Number);

const MIRROR: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** Both sides' wishes in one (RFC 3264 6.1): the answer may not ask for more than the offer gives. */
export function answerDirection(offered: Direction, wanted: Direction): Direction {
  const allowed = MIRROR[offered];
  const sends = allowed.startsWith('send') && wanted.startsWith('send');
  const receives = /recv/.test(allowed) && /recv/.test(wanted);
  if (sends) return receives ? 'sendrecv' : 'sendonly';
  return receives ? 'recvonly' : 'inactive';
}

/** @param key of what we send */
export function rtpParameters(remote: RemoteAudio, local: Direction, key: string): RtpParameters {
  return {
    remoteAddress: remote.address,
    remotePort: remote.port,
    law: remote.law,
    payloadType: remote.payloadType,
    telephoneEventPayloadType: remote.telephoneEvent,
    localTelephoneEventPayloadType: remote.telephoneEvent ?? TELEPHONE_EVENT,
    send: local.startsWith('send') && remote.address !== '0.0.0.0',
    receive: /recv/.test(local),
    srtp: remote.crypto && { send: key, receive: remote.crypto.inline },
  };
}

/** Writes one call's descriptions; each new one has the next version (RFC 3264 8). */
export class PhoneSdp {
  key = newKey();
  readonly #id = Math.floor(Math.random() * 2 ** 31);
  #version = 0;

  constructor(
    private readonly address: string,
    private readonly port: number,
    /** Offers and takes its sound encrypted only, or in the clear only. */
    readonly secured = false,
  ) {}

  renewKey(): void {
    this.key = newKey();
  }

  offer(laws: readonly G711Law[], direction: Direction): string {
    return this.#write(
      laws.map((law) => ({ law, payload: PAYLOAD[law] })),
      TELEPHONE_EVENT,
      direction,
      this.secured ? { tag: 1, inline: this.key } : undefined,
    );
  }

  answer(remote: RemoteAudio, direction: Direction): string {
    return this.#write(
      [{ law: remote.law, payload: remote.payloadType }],
      remote.telephoneEvent,
      direction,
      remote.crypto && { tag: remote.crypto.tag, inline: this.key },
    );
  }

  #write(
    codecs: { law: G711Law; payload: number }[],
    event: number | undefined,
    direction: Direction,
    crypto: Crypto | undefined,
  ): string {
    this.#version += 1;
    const payloads = codecs.map(({ payload }) => payload);
    const lines = [
      'v=0',
      `o=phone ${this.#id} ${this.#version} IN IP4 ${this.address}`,
      's=phone',
      `c=IN IP4 ${this.address}`,
      't=0 0',
      `m=audio ${this.port} ${crypto ? 'RTP/SAVP' : 'RTP/AVP'} ${[...payloads, ...(event === undefined ? [] : [event])].join(' ')}`,
      ...codecs.map(({ law, payload }) => `a=rtpmap:${payload} ${NAME[law]}/8000`),
      ...(event === undefined ? [] : [`a=rtpmap:${event} telephone-event/8000`, `a=fmtp:${event} 0-15`]),
      'a=ptime:20',
      ...(crypto ? [cryptoLine(crypto)] : []),
      `a=${direction}`,
    ];
    return `${lines.join('\r\n')}\r\n`;
  }
}
