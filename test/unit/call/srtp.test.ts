import { describe, expect, it } from 'vitest';
import {
  answerTo,
  callerSrtp,
  isSecured,
  offersOurCodecs,
  offerTo,
  underSameKeys,
  withoutKeys,
} from '../../../src/call/srtp.js';

const SESSION = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n';
const KEY = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n';
const plain = (port = 6000, payloads = '8'): string => `m=audio ${port} RTP/AVP ${payloads}\r\n`;
const secured = (port = 6000, payloads = '8', key = KEY): string => `m=audio ${port} RTP/SAVP ${payloads}\r\n${key}`;

describe('what an offer is taken for', () => {
  it.each<[string, Parameters<typeof callerSrtp>[0], string, ReturnType<typeof callerSrtp>]>([
    ['in the clear, where there is no SRTP', 'off', plain(), 'forbidden'],
    ['by SRTP, where there is none', 'off', secured(), 'forbidden'],
    ['both, where there is none', 'off', secured() + plain(), 'forbidden'],
    ['in the clear, left to the caller', 'optional', plain(), 'forbidden'],
    ['by SRTP, left to the caller', 'optional', secured(), 'mandatory'],
    ['both, left to the caller', 'optional', plain() + secured(), 'mandatory'],
    ['none at all, left to the caller', 'optional', '', 'forbidden'],
    ['by SRTP, demanded', 'required', secured(), 'mandatory'],
    ['in the clear, demanded', 'required', plain(), null],
    ['by SRTP without a key, demanded', 'required', secured(6000, '8', ''), null],
    ['by SRTP without G.711, demanded', 'required', secured(6000, '96'), null],
    ['declined by SRTP, demanded', 'required', secured(0), null],
    ['none at all, demanded', 'required', '', null],
  ])('%s', (_what, policy, media, expected) => {
    expect(callerSrtp(policy, media === '' ? '' : SESSION + media)).toBe(expected);
  });

  it('G.711 counts where it is wanted', () => {
    const mixed = SESSION + secured(6000, '96') + plain();
    expect([offersOurCodecs(mixed, true), offersOurCodecs(mixed, false)]).toEqual([false, true]);
  });
});

it('no key is left where none is wanted', () => {
  expect(withoutKeys(SESSION + secured() + plain())).toBe(SESSION + secured(6000, '8', '') + plain());
  expect(isSecured(withoutKeys(SESSION + secured()))).toBe(false);
});

it('among several keys none is taken for the one that is known', () => {
  const one = SESSION + secured();
  const several = SESSION + secured(6000, '8', KEY + KEY.replace('crypto:1', 'crypto:2'));
  expect(underSameKeys(one, one, one)?.offer).toBe(one);
  for (const texts of [[several, one, one] as const, [one, several, one] as const, [one, one, several] as const])
    expect(underSameKeys(...texts)).toBeNull();
});

describe('one offer of FreeSWITCH for targets of both kinds', () => {
  const both = SESSION + secured(7000) + plain(7000);

  it('is cut to what each may have', () => {
    expect(offerTo(both, true)).toBe(SESSION + secured(7000));
    expect(offerTo(both, false)).toBe(SESSION + plain(7000));
    expect(offerTo(SESSION + plain(), true)).toBeNull();
    expect(offerTo(SESSION + secured(), false)).toBeNull();
  });

  it('is answered line by line', () => {
    expect(answerTo(both, SESSION + secured(6002))).toBe(`${SESSION}${secured(6002)}m=audio 0 RTP/AVP 8\r\n`);
    expect(answerTo(both, SESSION + plain(6002))).toBe(`${SESSION}m=audio 0 RTP/SAVP 8\r\n${plain(6002)}`);
    expect(answerTo(both, '')).toBe('');
    expect(answerTo(SESSION + plain(), SESSION + plain(6002))).toBe(SESSION + plain(6002));
  });
});
