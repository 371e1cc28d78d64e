import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/**
 * Encryption at rest: AES-256-GCM in pieces that can be read each by itself, so that a Range costs its pieces only.
 *
 *     header (64 bytes): "CTRECENC", version, piece size (uint32), salt (16), key id (32, zero-padded), 3 spare
 *     pieces: each `PIECE_BYTES` of sound (the last one less), encrypted, and its tag (16 bytes)
 *
 * Every file has a key of its own, derived by HKDF-SHA256 from the configured one and the file's salt; the nonce is the
 * piece's number, so none is used twice under one key. Number, whether it is the last, and the header are authenticated
 * with each piece: pieces cannot be swapped, taken from another file, or cut off at the end without being noticed.
 */
export const HEADER_BYTES = 64;
export const PIECE_BYTES = 64 * 1024;
const TAG_BYTES = 16;
export const SEALED_BYTES = PIECE_BYTES + TAG_BYTES;

const MAGIC = Buffer.from('CTRECENC', 'latin1');
const VERSION = 1;
const SALT_AT = 13;
const SALT_BYTES = 16;
const KEY_ID_AT = SALT_AT + SALT_BYTES;
const KEY_ID_BYTES = 32;
const INFO = 'calltrack recording v1';

export interface Envelope {
  header: Buffer;
  key: Buffer;
}

/** The configured keys: the first encrypts, every one decrypts. */
export class KeyRing {
  readonly #keys: Map<string, Buffer>;

  constructor(keys: readonly { id: string; secret: string }[]) {
    this.#keys = new Map(keys.map(({ id, secret }) => [id, Buffer.from(secret, 'base64')]));
  }

  get newest(): string {
    return [...this.#keys.keys()][0] ?? '';
  }

  seal(): Envelope {
    const header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(header);
    header.writeUInt8(VERSION, 8);
    header.writeUInt32BE(PIECE_BYTES, 9);
    randomBytes(SALT_BYTES).copy(header, SALT_AT);
    header.write(this.newest, KEY_ID_AT, KEY_ID_BYTES, 'latin1');
    return this.open(header);
  }

  /** Throws where the header is not ours or its key is not configured. */
  open(header: Buffer): Envelope {
    if (header.length !== HEADER_BYTES || !header.subarray(0, 8).equals(MAGIC)) throw new Error('not encrypted by us');
    if (header[8] !== VERSION || header.readUInt32BE(9) !== PIECE_BYTES)
      throw new Error('encrypted by a later version');
    const id = header.toString('latin1', KEY_ID_AT, KEY_ID_AT + KEY_ID_BYTES).replace(/\0+$/, '');
    const secret = this.#keys.get(id);
    if (!secret) throw new Error(`the key "${id}" is not configured`);
    const salt = header.subarray(SALT_AT, SALT_AT + SALT_BYTES);
    return { header, key: Buffer.from(hkdfSync('sha256', secret, salt, INFO, 32)) };
  }
}

/** Whether a file begins as those do that were encrypted by us. */
export const isSealed = (file: Buffer): boolean => file.subarray(0, MAGIC.length).equals(MAGIC);

function nonceOf(index: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(index, 8);
  return nonce;
}

function authenticated(header: Buffer, last: boolean): Buffer {
  return Buffer.concat([header, Buffer.of(last ? 1 : 0)]);
}

/** Encrypts piece number `index`. */
export function sealPiece({ header, key }: Envelope, index: number, last: boolean, piece: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index)).setAAD(authenticated(header, last));
  return Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
}

/** Throws where it is not piece `index` of this file, unchanged. */
export function openPiece({ header, key }: Envelope, index: number, last: boolean, sealed: Buffer): Buffer {
  if (sealed.length < TAG_BYTES) throw new Error('the file is cut off');
  const body = sealed.subarray(0, sealed.length - TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index), { authTagLength: TAG_BYTES })
    .setAAD(authenticated(header, last))
    .setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const piece = decipher.update(body);
  decipher.final();
  return piece;
}

/** Where the pieces of a range of the sound stand in the file; `start` and `end` are its first and last byte. */
export function piecesOf(bytes: number, start: number, end: number) {
  const first = Math.floor(start / PIECE_BYTES);
  const last = Math.floor(end / PIECE_BYTES);
  const final = Math.max(0, Math.ceil(bytes / PIECE_BYTES) - 1);
  const sealedEnd = Math.min((last + 1) * SEALED_BYTES, bytes + (final + 1) * TAG_BYTES);
  return {
    first,
    final,
    /** First and last byte in the file. */
    from: HEADER_BYTES + first * SEALED_BYTES,
    to: HEADER_BYTES + sealedEnd - 1,
    /** Bytes of the first piece in front of the range. */
    skip: start - first * PIECE_BYTES,
  };
}

/** Bytes of the sound in a file of `fileBytes` bytes. */
export function plainBytes(fileBytes: number): number {
  const body = fileBytes - HEADER_BYTES;
  return Math.max(0, body - Math.ceil(body / SEALED_BYTES) * TAG_BYTES);
}
