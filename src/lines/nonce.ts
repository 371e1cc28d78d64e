import { createHmac, randomBytes } from 'node:crypto';
import { sameText } from '../lib/digest.js';

/** After this a nonce is stale: the phone answers a new one, without asking its user for the password again. */
export const NONCE_LIFE_MS = 300_000;
/** Clocks of gateways that share the secret may differ by so much. */
const CLOCK_SKEW_MS = 30_000;
const TIME_BYTES = 6;
const RANDOM_BYTES = 6;

/**
 * Nonces that carry their own proof: time and a random part, and a code over both by a secret that all gateways of one
 * Redis share. So any gateway can check what another has handed out, and nothing is kept for who never comes back.
 */
export function makeNonce(secret: Buffer, atMs: number): string {
  const head = Buffer.alloc(TIME_BYTES + RANDOM_BYTES);
  head.writeUIntBE(atMs, 0, TIME_BYTES);
  // Two phones challenged in the same millisecond must not share their nonce counts.
  randomBytes(RANDOM_BYTES).copy(head, TIME_BYTES);
  return `${head.toString('hex')}${proofOf(secret, head.toString('hex'))}`;
}

/** `foreign`: none of ours, or made with an earlier secret. */
export function judgeNonce(secret: Buffer, nonce: string, nowMs: number): 'fresh' | 'stale' | 'foreign' {
  const head = nonce.slice(0, 2 * (TIME_BYTES + RANDOM_BYTES));
  if (!/^[0-9a-f]{24}[0-9a-f]{32}$/.test(nonce)) return 'foreign';
  if (!sameText(nonce.slice(head.length), proofOf(secret, head))) return 'foreign';
  const ageMs = nowMs - Number.parseInt(head.slice(0, 2 * TIME_BYTES), 16);
  return ageMs > NONCE_LIFE_MS || ageMs < -CLOCK_SKEW_MS ? 'stale' : 'fresh';
}

const proofOf = (secret: Buffer, head: string): string =>
  createHmac('sha256', secret).update(head).digest('hex').slice(0, 32);
