import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { PASSWORD_HASH } from '../../config/schema.js';

/** RFC 7914; as OWASP has it for 32 MB. */
const COST = { log2N: 15, r: 8, p: 3 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Nobody types more, and hashing costs by the length. */
export const MAX_PASSWORD = 256;

/** What stands in `access.users[].password`. */
export async function hashPassword(password: string): Promise<string> {
  const { log2N, r, p } = COST;
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, { log2N, r, p });
  return ['scrypt', log2N, r, p, salt.toString('base64url'), hash.toString('base64url')].join(':');
}

/** Whether `password` is the one behind `stored`. False for what is not a hash. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [, log2N, r, p, salt = '', hash = ''] = PASSWORD_HASH.exec(stored) ?? [];
  if (hash === '' || password.length > MAX_PASSWORD) return false;
  const wanted = Buffer.from(hash, 'base64url');
  const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) };
  const derived = await derive(password, Buffer.from(salt, 'base64url'), wanted.length, cost);
  return timingSafeEqual(derived, wanted);
}

/** The work of a log-in with a name that there is none of: so that its answer takes as long. */
export async function verifyNobody(password: string): Promise<false> {
  await derive(password.slice(0, MAX_PASSWORD), NOBODYS_SALT, HASH_BYTES, COST);
  return false;
}

const NOBODYS_SALT = randomBytes(SALT_BYTES);

function derive(password: string, salt: Buffer, length: number, cost: typeof COST): Promise<Buffer> {
  const { log2N, r, p } = cost;
  const N = 2 ** log2N;
  // What one looks like on two keyboards is one password.
  const text = password.normalize('NFC');
  return new Promise((resolve, reject) => {
    scrypt(text, salt, length, { N, r, p, maxmem: 128 * N * r * 2 }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}
