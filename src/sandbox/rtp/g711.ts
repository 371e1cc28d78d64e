/**
 * G.711 (ITU-T G.711) between 8-bit payloads and 16-bit linear samples, by tables: a bridge transcodes
 * 100 frames a second per call, and a look-up costs the same for either law.
 */

export type G711Law = 'alaw' | 'ulaw';

/** The payload octet that decodes to silence; an all-zero frame would be a loud click. */
export const SILENCE_OCTET: Readonly<Record<G711Law, number>> = { alaw: 0xd5, ulaw: 0xff };

const ALAW_DECODE = Int16Array.from({ length: 256 }, (_, octet) => alawToLinear(octet));
const ULAW_DECODE = Int16Array.from({ length: 256 }, (_, octet) => ulawToLinear(octet));
const ALAW_ENCODE = encodeTable(linearToAlaw);
const ULAW_ENCODE = encodeTable(linearToUlaw);

/** Decodes `count` octets of `source` from `sourceOffset` into `target`. */
export function decodeG711(
  law: G711Law,
  source: Uint8Array,
  sourceOffset: number,
  target: Int16Array,
  count: number,
): void {
  const table = law === 'alaw' ? ALAW_DECODE : ULAW_DECODE;
  for (let i = 0; i < count; i++) target[i] = table[source[sourceOffset + i] ?? 0] ?? 0;
}

/** Encodes `count` samples of `source` into `target` from `targetOffset`. */
export function encodeG711(
  law: G711Law,
  source: Int16Array,
  target: Uint8Array,
  targetOffset: number,
  count: number,
): void {
  const table = law === 'alaw' ? ALAW_ENCODE : ULAW_ENCODE;
  for (let i = 0; i < count; i++) target[targetOffset + i] = table[(source[i] ?? 0) + 32768] ?? 0;
}

function encodeTable(encode: (sample: number) => number): Uint8Array {
  return Uint8Array.from({ length: 65536 }, (_, index) => encode(index - 32768));
}

function alawToLinear(octet: number): number {
  const bits = octet ^ 0x55;
  const segment = (bits >> 4) & 0x07;
  const mantissa = (bits & 0x0f) << 4;
  const magnitude = segment === 0 ? mantissa + 8 : (mantissa + 0x108) << (segment - 1);
  return (bits & 0x80) !== 0 ? magnitude : -magnitude;
}

function ulawToLinear(octet: number): number {
  const bits = ~octet & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 0x07)) - 0x84;
  return (bits & 0x80) !== 0 ? -magnitude : magnitude;
}

/** Index of the highest set bit from bit 7 up: the segment of a 15-bit magnitude. */
function segmentOf(magnitude: number): number {
  return Math.max(0, 31 - Math.clz32(magnitude >> 7));
}

function linearToAlaw(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0;
  const magnitude = Math.min(sample >= 0 ? sample : -sample - 1, 32767);
  const segment = magnitude < 256 ? 0 : segmentOf(magnitude);
  const mantissa = segment === 0 ? magnitude >> 4 : (magnitude >> (segment + 3)) & 0x0f;
  return (sign | (segment << 4) | mantissa) ^ 0x55;
}

function linearToUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), 32635) + 0x84;
  const segment = segmentOf(magnitude);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}
