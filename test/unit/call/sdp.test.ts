import { expect, it } from 'vitest';
import { asNewOffer, familyOf, fitting, hears, sameMedia } from '../../../src/call/sdp.js';

const sdp = (...lines: string[]): string => ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', ...lines, ''].join('\r\n');
const IP4 = 'c=IN IP4 192.0.2.1';
const IP6 = 'c=IN IP6 2001:db8::1';
const AUDIO = 'm=audio 6000 RTP/AVP 8';

it.each([
  ['of the session', [IP6, 't=0 0', AUDIO], 'IP6'],
  ['of the audio, which goes before the session', [IP6, 't=0 0', AUDIO, IP4], 'IP4'],
  ['not of the video beside it', ['t=0 0', 'm=video 6002 RTP/AVP 96', IP6, AUDIO, IP4], 'IP4'],
  ['of the first audio that is wanted', ['t=0 0', 'm=audio 0 RTP/AVP 9', IP6, AUDIO, IP4], 'IP4'],
  ['nowhere', [IP4, 't=0 0', 'm=audio 0 RTP/AVP 8'], null],
])('sound goes to the address %s', (_, lines, family) => {
  expect(familyOf(sdp(...lines))).toBe(family);
});

it('an answer of the other family, or without audio, hears nobody', () => {
  const offer = sdp(IP4, 't=0 0', AUDIO);
  expect(hears(offer, sdp(IP4, 't=0 0', AUDIO))).toBe(true);
  expect(hears(offer, sdp(IP6, 't=0 0', AUDIO))).toBe(false);
  expect(hears(offer, sdp(IP4, 't=0 0', 'm=audio 0 RTP/AVP 8'))).toBe(false);
  expect(hears(offer, '')).toBe(false);
});

it('is the same sound whoever says so, and however often', () => {
  const early = sdp(IP4, 't=0 0', AUDIO);
  expect(sameMedia(early, early.replace('1 1', '1 2').replace('\r\n', '\n'))).toBe(true);
  expect(sameMedia(early, early.replace('6000', '6002'))).toBe(false);
});

it('an answer has as many `m=` lines as its offer', () => {
  const one = sdp(IP4, 't=0 0', AUDIO);
  const two = `${one}m=audio 0 RTP/AVP 8\r\n`;
  expect(fitting(one, two)).toBe(one);
  expect(fitting(two, two)).toBe(two);
});

it.each([
  [
    'to who held by music in one codec, without keys',
    [IP4, 'm=audio 6000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=recvonly'],
    [IP4, 'm=audio 6000 RTP/AVP 0 8', 'a=rtpmap:8 PCMA/8000', 'a=rtpmap:0 PCMU/8000', 'a=sendrecv'],
  ],
  [
    'to who talks encrypted, a video declined',
    [IP4, 'm=video 0 RTP/SAVP 19', 'm=audio 6000 RTP/SAVP 8 96', 'a=rtpmap:96 telephone-event/8000', 'a=crypto:1 X'],
    [
      IP4,
      'm=video 0 RTP/SAVP 19',
      'm=audio 6000 RTP/SAVP 8 0 96',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:96 telephone-event/8000',
      'a=crypto:1 X',
    ],
  ],
  ['of both already', [IP4, 'm=audio 6000 RTP/AVP 8 0 101'], [IP4, 'm=audio 6000 RTP/AVP 8 0 101']],
])('an answer becomes a new offer: %s', (_what, answer, offer) => {
  expect(asNewOffer(sdp(...answer))).toBe(sdp(...offer));
});
