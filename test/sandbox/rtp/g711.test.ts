import { describe, expect, it } from 'vitest';
import { decodeG711, encodeG711, SILENCE_OCTET, type G711Law } from '../../../src/sandbox/rtp/g711.js';

const LAWS: G711Law[] = ['alaw', 'ulaw'];
const ALL = Uint8Array.from({ length: 256 }, (_, octet) => octet);

function decodeAll(law: G711Law): Int16Array {
  const samples = new Int16Array(256);
  decodeG711(law, ALL, 0, samples, 256);
  return samples;
}

describe.each(LAWS)('%s', (law) => {
  it('encodes every decoded octet to itself', () => {
    const octets = new Uint8Array(256);
    encodeG711(law, decodeAll(law), octets, 0, 256);
    const different = [...octets].filter((octet, index) => octet !== index);
    // µ-law has a negative zero (0x7f) that comes back as the positive one.
    expect(different).toEqual(law === 'ulaw' ? [0xff] : []);
  });

  it('stays within the quantisation step of its segment', () => {
    const source = Int16Array.from({ length: 4096 }, (_, i) => (i - 2048) * 15);
    const octets = new Uint8Array(source.length);
    const back = new Int16Array(source.length);
    encodeG711(law, source, octets, 0, source.length);
    decodeG711(law, octets, 0, back, source.length);
    source.forEach((sample, i) => {
      expect(Math.abs((back[i] ?? 0) - sample)).toBeLessThanOrEqual(Math.max(16, Math.abs(sample) / 16));
    });
  });

  it('has a silence octet that decodes to next to nothing', () => {
    expect(Math.abs(decodeAll(law)[SILENCE_OCTET[law]] ?? 99)).toBeLessThanOrEqual(8);
  });
});

it('agrees with the tables of ITU-T G.711', () => {
  expect(decodeAll('alaw')[0xd5]).toBe(8);
  expect(decodeAll('alaw')[0x2a]).toBe(-32256);
  expect(decodeAll('ulaw')[0x00]).toBe(-32124);
  expect(decodeAll('ulaw')[0x80]).toBe(32124);
});
