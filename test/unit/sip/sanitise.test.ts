import { describe, expect, it } from 'vitest';
import { cleanSdp, hasHost, quotedTexts, sdpOf } from '../../../src/sip/sanitise.js';

const AUDIO = [
  'v=0',
  'o=- 1 1 IN IP4 192.0.2.1',
  's=-',
  'c=IN IP4 192.0.2.1',
  't=0 0',
  'm=audio 6000 RTP/AVP 8 101',
  'a=rtpmap:8 PCMA/8000',
  'a=sendrecv',
];
const text = (lines: string[]): string => lines.map((line) => `${line}\r\n`).join('');
const request = (contentType: string | undefined, body: string) => ({ get: () => contentType, body });

describe('cleanSdp', () => {
  it('leaves plain audio as it is, whatever ends its lines', () => {
    expect(cleanSdp(text(AUDIO))).toBe(text(AUDIO));
    expect(cleanSdp(AUDIO.join('\n'))).toBe(text(AUDIO));
    expect(cleanSdp('')).toBe('');
  });

  it('takes out what makes FreeSWITCH refuse plain audio, and what only makes it long, but no m= line', () => {
    const offer = [
      ...AUDIO.slice(0, 5),
      'a=group:BUNDLE 0 1',
      ...AUDIO.slice(5),
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj',
      'a=candidate:1 1 UDP 2130706431 192.0.2.1 6000 typ host',
      'a=ptime:20',
      'm=video 6002 RTP/AVP 96',
      'a=rtpmap:96 H264/90000',
    ];
    expect(cleanSdp(text(offer))).toBe(text([...AUDIO, 'a=ptime:20', 'm=video 0 RTP/AVP 96']));
  });

  it.each([
    ['o=Олег 1 1 IN IP4 192.0.2.1', 'o=---- 1 1 IN IP4 192.0.2.1'],
    ['o=% 1 1 IN IP4 192.0.2.1', 'o=- 1 1 IN IP4 192.0.2.1'],
    ['o=-\0 1 1 IN IP4 192.0.2.1', 'o=- 1 1 IN IP4 192.0.2.1'],
  ])('leaves a name in its place: %s', (written, origin) => {
    const withOrigin = (line: string) => text([...AUDIO.slice(0, 1), line, ...AUDIO.slice(2)]);
    expect(cleanSdp(withOrigin(written))).toBe(withOrigin(origin));
  });

  it.each(['image 6002 udptl t38', 'text 6002 RTP/AVP 98', 'application 9 UDP/DTLS/SCTP webrtc-datachannel'])(
    'switches off what is not audio: %s',
    (stream) => {
      const off = stream.replace(/\d+/, '0');
      const [session, audio] = [AUDIO.slice(0, 5), AUDIO.slice(5)];
      expect(cleanSdp(text([...AUDIO, `m=${stream}`]))).toBe(text([...AUDIO, `m=${off}`]));
      expect(cleanSdp(text([...session, `m=${stream}`, ...audio]))).toBe(text([...session, `m=${off}`, ...audio]));
    },
  );
});

describe('keys for SRTP', () => {
  const KEY = 'd0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';
  const secured = (line: string): string =>
    text([...AUDIO.map((one) => one.replace('RTP/AVP', 'RTP/SAVP')), ...(line === '' ? [] : [line])]);

  it.each([
    `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`,
    `a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^31`,
  ])('stay in RTP/SAVP: %s', (line) => expect(cleanSdp(secured(line))).toBe(secured(line)));

  it.each([
    ['of another suite', `AES_CM_128_HMAC_SHA1_32 inline:${KEY}`],
    ['that is none', 'AES_CM_128_HMAC_SHA1_80 inline:short'],
    ['one of several', `AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4;inline:${KEY}|2^20|2:4`],
    ['by which nothing is encrypted', `AES_CM_128_HMAC_SHA1_80 inline:${KEY} UNENCRYPTED_SRTP`],
  ])('go where FreeSWITCH would not take them: %s', (_what, key) => {
    expect(cleanSdp(secured(`a=crypto:1 ${key}`))).toBe(secured(''));
  });
});

describe('sdpOf', () => {
  const isup = 'Content-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional';
  const parts = (...bodies: string[]): string => `${bodies.map((body) => `--b.1\r\n${body}\r\n`).join('')}--b.1--\r\n`;

  it('is the body, by its type', () => {
    for (const type of [undefined, 'application/sdp', 'Application/SDP; charset=utf-8'])
      expect(sdpOf(request(type, text(AUDIO)))).toBe(text(AUDIO));
    expect(sdpOf(request('application/xml', '<a/>'))).toBe('');
    expect(sdpOf(request(undefined, ''))).toBe('');
  });

  it.each(['multipart/mixed;boundary=b.1', 'Multipart/Mixed; boundary="b.1"; x=y'])('is a part of %s', (type) => {
    const sdp = `Content-Type: application/sdp\r\n\r\n${text(AUDIO)}`;
    expect(sdpOf(request(type, parts(sdp, `${isup}\r\n\r\n\u0001\u0002`)))).toBe(text(AUDIO));
    expect(sdpOf(request(type, parts(`${isup}\r\n\r\n\u0001\r\n\r\n\u0002`, sdp)))).toBe(text(AUDIO));
    expect(sdpOf(request(type, parts(`${isup}\r\n\r\n\u0001`)))).toBe('');
  });
});

describe('hasHost', () => {
  it.each([
    '<sip:+79160000001@192.0.2.1:5060>',
    'sip:192.0.2.1',
    '"Smith, John <x>" <sips:j@carrier.example;ob>;expires=60',
    'Smith <sip:[2001:db8::1]:5060;transport=tcp>, <sip:other@x>',
  ])('in %s', (contact) => expect(hasHost(contact)).toBe(true));

  it.each([
    '*',
    '<*>',
    '',
    'foo',
    'tel:+79160000001',
    '<tel:+79160000001>',
    '<http://192.0.2.1>',
    'sip:a@',
    '*, <sip:a@b>',
  ])('not in "%s"', (contact) => expect(hasHost(contact)).toBe(false));
});

describe('quotedTexts', () => {
  it.each([
    ['Q.850;cause=34;text="No circuit", SIP;cause=403;text="Limit"', ['No circuit', 'Limit']],
    ['399 gw.example "User channel limit exceeded"', ['User channel limit exceeded']],
    ['399 gw "+79161234567 has \r\nno%20credit"', ['+… has no20credit']],
    ['Q.850;cause=16', []],
    ['399 gw "never closed', []],
    [undefined, []],
  ])('of %j are %j', (header, expected) => {
    expect(quotedTexts(header)).toEqual(expected);
  });

  it('are few and short, whatever comes', () => {
    const texts = quotedTexts(`"${'x'.repeat(500)}"`.repeat(50));
    expect(texts.length).toBeLessThanOrEqual(4);
    expect(texts.join('').length).toBeLessThanOrEqual(512);
  });
});
