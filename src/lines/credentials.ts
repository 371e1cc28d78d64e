import { randomBytes } from 'node:crypto';
import type { LineConfig } from '../config/schema.js';
import {
  algorithmOf,
  digestResponse,
  parseDigest,
  sameText,
  type DigestAlgorithm,
  type DigestParams,
} from '../lib/digest.js';
import { judgeNonce, makeNonce } from './nonce.js';

const MAX_LENGTH = 4096;
/** What a phone may send at once: one answer to each challenge, and those of proxies on the way. */
const MAX_CREDENTIALS = 4;

/** A guess for an unknown user is computed all the same: the time it takes must not tell that there is no such user. */
const NOBODYS_PASSWORD = randomBytes(16).toString('hex');

/** What the Authorization header of a REGISTER is worth. `user` is the username as sent. */
export type CredentialCheck =
  | { kind: 'none' }
  | { kind: 'malformed' }
  | { kind: 'wrong'; user: string; line: LineConfig | null }
  /** The password is right, the nonce is too old or another secret's: to be asked anew. */
  | { kind: 'stale' }
  | { kind: 'right'; user: string; line: LineConfig; nonce: string; nonceCount: number };

export interface Realm {
  name: string;
  /** Shared by all gateways. */
  secret: Buffer;
  lines: readonly LineConfig[];
  /** The first one that it understands a phone takes (RFC 8760 2.4). */
  algorithms: readonly DigestAlgorithm[];
}

/** Values for WWW-Authenticate headers, one for each algorithm, the same nonce in all. */
export function challenges({ name, secret, algorithms }: Realm, nowMs: number, stale = false): string[] {
  const nonce = makeNonce(secret, nowMs);
  const realm = name.replace(/[\\"]/g, '\\$&');
  return algorithms.map(
    (algorithm) =>
      `Digest realm="${realm}", nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale ? ', stale=true' : ''}`,
  );
}

/** Checks a digest (RFC 3261 22.4, RFC 8760) for our realm; pure, no look-up of anything but the given lines. */
export function checkCredentials(header: string | undefined, realm: Realm, nowMs: number): CredentialCheck {
  if (header === undefined || header.trim() === '') return { kind: 'none' };
  if (header.length > MAX_LENGTH) return { kind: 'malformed' };
  const ours = readAll(header).filter((params) => params.get('realm') === realm.name);
  let last: CredentialCheck = { kind: 'none' };
  for (const params of ours) {
    last = checkOne(params, realm, nowMs);
    if (last.kind === 'right' || last.kind === 'stale') return last;
  }
  return last;
}

/** Several Authorization headers reach us joined by commas. */
function readAll(header: string): DigestParams[] {
  return header
    .split(/(?:^|,)\s*(?=Digest\s)/i)
    .slice(0, MAX_CREDENTIALS + 1)
    .flatMap((one) => parseDigest(one.replace(/,\s*$/, '')) ?? []);
}

function checkOne(params: DigestParams, realm: Realm, nowMs: number): CredentialCheck {
  const field = (name: string): string => params.get(name) ?? '';
  const user = field('username');
  const algorithm = algorithmOf(params.get('algorithm'));
  const nonceCount = /^[0-9a-f]{8}$/i.test(field('nc')) ? Number.parseInt(field('nc'), 16) : 0;
  if (user === '' || !algorithm || field('qop').toLowerCase() !== 'auth' || nonceCount === 0) {
    return { kind: 'malformed' };
  }
  const line = realm.lines.find(({ register }) => register?.username === user) ?? null;
  const expected = digestResponse(algorithm, {
    username: user,
    password: line?.register?.password ?? NOBODYS_PASSWORD,
    realm: realm.name,
    method: 'REGISTER',
    uri: field('uri'),
    nonce: field('nonce'),
    protection: { qop: field('qop'), nc: field('nc'), cnonce: field('cnonce') },
  });
  if (!sameText(expected, field('response').toLowerCase()) || !line) return { kind: 'wrong', user, line };
  if (judgeNonce(realm.secret, field('nonce'), nowMs) !== 'fresh') return { kind: 'stale' };
  return { kind: 'right', user, line, nonce: field('nonce'), nonceCount };
}
