import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEADER_BYTES, KeyRing, PIECE_BYTES, plainBytes, SEALED_BYTES } from '../../src/recordings/crypto/envelope.js';
import { decrypted, encrypted } from '../../src/recordings/crypto/streams.js';
import { secretOf } from '../support/recording-house.js';

const ring = new KeyRing([{ id: 'k1', secret: secretOf('a') }]);
const sound = (bytes: number) => Buffer.from(Uint8Array.from({ length: bytes }, (_, n) => (n * 7 + (n >> 8)) & 255));
const seal = (plain: Buffer, keys = ring) =>
  buffer(encrypted(Readable.from([plain.subarray(0, 1000), plain.subarray(1000)]), keys));

async function open(sealed: Buffer, bytes: number, start = 0, end = bytes - 1, keys = ring): Promise<Buffer> {
  const read = (from: number, to: number) => Promise.resolve(Readable.from([sealed.subarray(from, to + 1)]));
  return await buffer((await decrypted(read, keys, { bytes, start, end })) ?? Readable.from([]));
}

describe('encryption at rest', () => {
  it.each([1, 999, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 200_001])(
    'gives back %i bytes',
    async (bytes) => {
      const plain = sound(bytes);
      const sealed = await seal(plain);
      expect(plainBytes(sealed.length)).toBe(bytes);
      expect(await open(sealed, bytes)).toEqual(plain);
    },
  );

  it('reads any range by the pieces it lies in', async () => {
    const plain = sound(5 * PIECE_BYTES + 77);
    const sealed = await seal(plain);
    const range = fc
      .tuple(fc.nat(plain.length - 1), fc.nat(plain.length - 1))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    await fc.assert(
      fc.asyncProperty(range, async ([start, end]) => {
        expect((await open(sealed, plain.length, start, end)).equals(plain.subarray(start, end + 1))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('notices a changed byte, swapped pieces, a cut end, and pieces of another file', async () => {
    const plain = sound(3 * PIECE_BYTES);
    const sealed = await seal(plain);
    const other = await seal(plain);
    const piece = (from: Buffer, n: number) =>
      from.subarray(HEADER_BYTES + n * SEALED_BYTES, HEADER_BYTES + (n + 1) * SEALED_BYTES);
    const head = sealed.subarray(0, HEADER_BYTES);
    const changed = Buffer.from(sealed);
    changed[HEADER_BYTES + 5] = (changed[HEADER_BYTES + 5] ?? 0) ^ 1;
    const forged = [
      changed,
      Buffer.concat([head, piece(sealed, 1), piece(sealed, 0), piece(sealed, 2)]),
      Buffer.concat([head, piece(sealed, 0), piece(other, 1), piece(sealed, 2)]),
    ];
    for (const bytes of forged) await expect(open(bytes, plain.length)).rejects.toThrow();
    // Cut at a piece's end: also where the length is believed to be shorter.
    const cut = sealed.subarray(0, HEADER_BYTES + 2 * SEALED_BYTES);
    await expect(open(cut, plain.length)).rejects.toThrow('cut off');
    await expect(open(cut, 2 * PIECE_BYTES)).rejects.toThrow();
  });

  it('encrypts with the first key and reads with every one', async () => {
    const plain = sound(1000);
    const sealed = await seal(plain);
    const rotated = new KeyRing([
      { id: 'k2', secret: secretOf('b') },
      { id: 'k1', secret: secretOf('a') },
    ]);
    expect(await open(sealed, 1000, 0, 999, rotated)).toEqual(plain);
    const newer = await seal(plain, rotated);
    await expect(open(newer, 1000)).rejects.toThrow('the key "k2" is not configured');
  });
});
