import { describe, expect, it } from 'vitest';
import { offerCodecs } from '../../../src/trunks/codecs.js';

const offer = (list: string, ...attributes: string[]): string =>
  ['v=0', 'o=fs 1 1 IN IP4 10.0.0.1', 's=-', 'c=IN IP4 10.0.0.1', 't=0 0', `m=audio 4000 RTP/AVP ${list}`]
    .concat(attributes, 'a=sendrecv', '')
    .join('\r\n');

const EVENTS = ['a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-16'];

describe('offerCodecs', () => {
  it.each([
    ['reorders', ['PCMU', 'PCMA'], offer('8 0 101', ...EVENTS), offer('0 8 101', ...EVENTS)],
    ['leaves one', ['PCMA'], offer('0 8 101', 'a=rtpmap:0 PCMU/8000', ...EVENTS), offer('8 101', ...EVENTS)],
    [
      'drops what belongs to the dropped',
      ['PCMA'],
      offer('96 8 13 97', 'a=rtpmap:96 opus/48000/2', 'a=fmtp:96 useinbandfec=1', 'a=rtcp-fb:96 nack', 'a=ptime:20'),
      offer('8', 'a=ptime:20'),
    ],
    [
      'knows names by the map',
      ['PCMA'],
      offer('96 0', 'a=rtpmap:96 pcma/8000', 'a=rtpmap:0 PCMU/8000'),
      offer('96', 'a=rtpmap:96 pcma/8000'),
    ],
    [
      'takes events of 8000 Hz only',
      ['PCMA'],
      offer('8 100 101', 'a=rtpmap:100 telephone-event/48000', ...EVENTS),
      offer('8 101', ...EVENTS),
    ],
    ['needs no events', ['PCMA', 'PCMU'], offer('0 8'), offer('8 0')],
    ['stays whole where it has none of them', ['PCMU'], offer('8 101', ...EVENTS), offer('8 101', ...EVENTS)],
    ['passes a late offer', ['PCMA'], '', ''],
    [
      'leaves a stream that is no sound',
      ['PCMA'],
      'v=0\r\nm=video 9 RTP/AVP 96\r\n',
      'v=0\r\nm=video 9 RTP/AVP 96\r\n',
    ],
  ])('%s', (_, codecs, sdp, expected) => {
    expect(offerCodecs(sdp, codecs)).toBe(expected);
  });
});
