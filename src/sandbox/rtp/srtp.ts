import { createCipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { emptyHeader, readRtpHeader } from './packet.js';

/** The one suite that the stand-ins speak (RFC 4568 6.2), as our FreeSWITCH does. */
export const SUITE = 'AES_CM_128_HMAC_SHA1_80';

const KEY_BYTES = 16;
const SALT_BYTES = 14;
const AUTH_KEY_BYTES = 20;
/** What a packet grows by. */
export const TAG_BYTES = 10;

/** RFC 3711 4.3.1. */
const LABEL = { encryption: 0, authentication: 1, salt: 2 } as const;

/** A master key and its salt, as `a=crypto` says them behind `inline:`. */
export const newKey = (): string => randomBytes(KEY_BYTES + SALT_BYTES).toString('base64');

/** What AES in counter mode makes of zeros from `iv` on (RFC 3711 4.1.1). */
export function keystream(key: Buffer, iv: Buffer, bytes: number): Buffer {
  return createCipheriv('aes-128-ctr', key, iv).update(Buffer.alloc(bytes));
}

/** RFC 3711 4.3.3, at a key derivation rate of 0. */
export function deriveKey(masterKey: Buffer, masterSalt: Buffer, label: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  masterSalt.copy(iv);
  iv[7] = (iv[7] ?? 0) ^ label;
  return keystream(masterKey, iv, bytes);
}

/** One direction of a stream under one master key (RFC 3711 3.2.1). */
export class SrtpContext {
  readonly #encryption: Buffer;
  readonly #authentication: Buffer;
  readonly #salt: Buffer;
  readonly #header = emptyHeader();
  /** How often the sequence number has begun anew, and the highest one since; of the other side's stream by its SSRC. */
  #rollovers = 0;
  #highest: number | undefined;
  #ssrc: number | undefined;

  /** @param inline base64 of 16 octets of key and 14 of salt */
  constructor(readonly inline: string) {
    const master = Buffer.from(inline, 'base64');
    if (master.length !== KEY_BYTES + SALT_BYTES) throw new Error('an SRTP key has 30 octets');
    const [key, salt] = [master.subarray(0, KEY_BYTES), master.subarray(KEY_BYTES)];
    this.#encryption = deriveKey(key, salt, LABEL.encryption, KEY_BYTES);
    this.#authentication = deriveKey(key, salt, LABEL.authentication, AUTH_KEY_BYTES);
    this.#salt = deriveKey(key, salt, LABEL.salt, SALT_BYTES);
  }

  /** The first `length` octets of `packet`, encrypted, with their tag. */
  protect(packet: Buffer, length: number): Buffer {
    const out = Buffer.alloc(length + TAG_BYTES);
    packet.copy(out, 0, 0, length);
    const header = this.#header;
    if (!readRtpHeader(out.subarray(0, length), header)) throw new Error('no RTP packet');
    if (header.sequence < (this.#highest ?? 0)) this.#rollovers += 1;
    this.#highest = header.sequence;
    this.#crypt(out, header.payloadStart, length, header.ssrc, header.sequence, this.#rollovers);
    this.#tag(out.subarray(0, length), this.#rollovers).copy(out, length);
    return out;
  }

  /** The packet in the clear; undefined where its tag is not of this key. */
  unprotect(packet: Buffer): Buffer | undefined {
    const length = packet.length - TAG_BYTES;
    const header = this.#header;
    // A padding length that is still encrypted means nothing: the header alone counts here.
    if (length < 0 || !readRtpHeader(withoutPadding(packet.subarray(0, length)), header)) return undefined;
    const rollovers = this.#rolloversOf(header.sequence, header.ssrc);
    const clear = Buffer.from(packet.subarray(0, length));
    if (!timingSafeEqual(this.#tag(clear, rollovers), packet.subarray(length))) return undefined;
    this.#note(header.sequence, header.ssrc, rollovers);
    this.#crypt(clear, header.payloadStart, length, header.ssrc, header.sequence, rollovers);
    return clear;
  }

  /** RFC 3711 3.3.1: a packet from just before or just behind the turn belongs to the neighbouring round. */
  #rolloversOf(sequence: number, ssrc: number): number {
    if (this.#highest === undefined || ssrc !== this.#ssrc) return 0;
    const ahead = sequence - this.#highest;
    if (ahead < -0x8000) return this.#rollovers + 1;
    return ahead > 0x8000 && this.#rollovers > 0 ? this.#rollovers - 1 : this.#rollovers;
  }

  #note(sequence: number, ssrc: number, rollovers: number): void {
    const known = this.#highest !== undefined && ssrc === this.#ssrc;
    if (known && rollovers * 0x10000 + sequence < this.#rollovers * 0x10000 + (this.#highest ?? 0)) return;
    this.#ssrc = ssrc;
    this.#rollovers = rollovers;
    this.#highest = sequence;
  }

  /** In place; the same both ways (RFC 3711 4.1.1). */
  #crypt(packet: Buffer, from: number, to: number, ssrc: number, sequence: number, rollovers: number): void {
    const iv = Buffer.alloc(16);
    this.#salt.copy(iv);
    const index = Buffer.alloc(10);
    index.writeUInt32BE(ssrc, 0);
    index.writeUInt32BE(rollovers, 4);
    index.writeUInt16BE(sequence, 8);
    index.forEach((octet, i) => (iv[4 + i] = (iv[4 + i] ?? 0) ^ octet));
    createCipheriv('aes-128-ctr', this.#encryption, iv).update(packet.subarray(from, to)).copy(packet, from);
  }

  #tag(packet: Buffer, rollovers: number): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(rollovers);
    return createHmac('sha1', this.#authentication).update(packet).update(count).digest().subarray(0, TAG_BYTES);
  }
}

function withoutPadding(packet: Buffer): Buffer {
  const copy = Buffer.from(packet);
  copy[0] = (copy[0] ?? 0) & ~0x20;
  return copy;
}
