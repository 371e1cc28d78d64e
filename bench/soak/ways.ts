import type { PhoneCall } from '../../src/sandbox/phone/index.js';

/** How one side's SIP and sound go: both in the clear, SIP over TLS, or TLS with the sound by SRTP. */
export const WAYS = ['udp', 'tls', 'srtp'] as const;
export type Way = (typeof WAYS)[number];

/** A phone has either; who takes calls of both kinds has two. */
export type Sound = 'clear' | 'secured';

export const soundOf = (way: Way): Sound => (way === 'srtp' ? 'secured' : 'clear');
export const nextWay = (way: Way): Way => WAYS[(WAYS.indexOf(way) + 1) % WAYS.length] ?? 'udp';

export const TLS_PORT = 5061;
const SIP_PORT = 5060;
/** Of the calls of either side. */
const PLAIN_SHARE = 0.5;

export const drawWay = (random: () => number): Way =>
  random() < PLAIN_SHARE ? 'udp' : random() < 0.5 ? 'tls' : 'srtp';

export const uriOf = (way: Way, user: string, host: string): string =>
  way === 'udp' ? `sip:${user}@${host}:${SIP_PORT}` : `sip:${user}@${host}:${TLS_PORT};transport=tls`;

/** By which way a call has come to a phone, by what stands in its INVITE and in the offer. */
export function wayTaken({ invite, remoteSdp }: Pick<PhoneCall, 'remoteSdp'> & { invite: Invite }): Way {
  if (invite.topVia?.transport !== 'TLS') return 'udp';
  return /^m=audio \d+ RTP\/SAVP /m.test(remoteSdp) ? 'srtp' : 'tls';
}

interface Invite {
  topVia: { transport: string } | undefined;
}
