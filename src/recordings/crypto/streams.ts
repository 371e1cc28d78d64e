import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { KeyRing } from './envelope.js';
import { HEADER_BYTES, openPiece, PIECE_BYTES, piecesOf, plainBytes, SEALED_BYTES, sealPiece } from './envelope.js';

type Bytes = AsyncIterable<Buffer>;

/** `source`, encrypted with the newest key. */
export async function* encrypted(source: Bytes, keys: KeyRing): AsyncGenerator<Buffer> {
  const envelope = keys.seal();
  yield envelope.header;
  let index = 0;
  let held: Buffer | null = null;
  // The last piece says that it is the last: one is held back until it is known.
  for await (const piece of inPieces(source, PIECE_BYTES)) {
    if (held) yield sealPiece(envelope, index++, false, held);
    held = piece;
  }
  yield sealPiece(envelope, index, true, held ?? Buffer.alloc(0));
}

/**
 * The bytes `start` to `end` (both included) of a sound of `bytes` bytes.
 * @param read gives bytes of the encrypted file; null where there is none
 */
export async function decrypted(
  read: (start: number, end: number) => Promise<Bytes | null>,
  keys: KeyRing,
  range: { bytes: number; start: number; end: number },
): Promise<AsyncGenerator<Buffer> | null> {
  const { first, final, from, to, skip } = piecesOf(range.bytes, range.start, range.end);
  const head = await read(0, HEADER_BYTES - 1);
  if (!head) return null;
  const parts: Buffer[] = [];
  for await (const part of head) parts.push(part);
  const envelope = keys.open(Buffer.concat(parts));
  const body = await read(from, to);
  if (!body) return null;
  return (async function* () {
    let index = first;
    let left = range.end - range.start + 1;
    for await (const sealed of inPieces(body, SEALED_BYTES)) {
      const piece = openPiece(envelope, index, index === final, sealed);
      const at = index === first ? skip : 0;
      const wanted = piece.subarray(at, at + left);
      left -= wanted.length;
      index += 1;
      yield wanted;
    }
    if (left > 0) throw new Error('the encrypted file is cut off');
  })();
}

/** A small file as a whole. */
export async function openWhole(sealed: Buffer, keys: KeyRing): Promise<Buffer> {
  const bytes = plainBytes(sealed.length);
  const read = (start: number, end: number) => Promise.resolve(Readable.from([sealed.subarray(start, end + 1)]));
  const plain = await decrypted(read, keys, { bytes, start: 0, end: bytes - 1 });
  return plain ? await buffer(plain) : Buffer.alloc(0);
}

async function* inPieces(source: Bytes, size: number): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    waiting.push(chunk);
    length += chunk.length;
    if (length < size) continue;
    const whole = waiting.length === 1 ? chunk : Buffer.concat(waiting, length);
    let at = 0;
    for (; length - at >= size; at += size) yield whole.subarray(at, at + size);
    waiting = at < length ? [whole.subarray(at)] : [];
    length -= at;
  }
  if (length > 0) yield Buffer.concat(waiting, length);
}
