import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** HTTP digest as SIP uses it (RFC 3261 22.4, RFC 8760), for whoever answers a challenge and whoever checks the answer. */

export interface DigestCredentials {
  username: string;
  password: string;
}

export type DigestAlgorithm = 'MD5' | 'SHA-256';

/** A challenge or credentials taken apart, names in lower case, quotes gone. */
export type DigestParams = Map<string, string>;

/** `Digest realm="x", nonce="y"` → its parameters; undefined for other schemes. */
export function parseDigest(value: string): DigestParams | undefined {
  const match = /^\s*Digest\s+(.*)$/is.exec(value);
  if (!match) return undefined;
  const params: DigestParams = new Map();
  // A name is looked for at its beginning only: from each of its letters on, a long one takes the square of its length.
  for (const pair of (match[1] ?? '').matchAll(/(?<![\w-])([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    params.set((pair[1] ?? '').toLowerCase(), pair[2]?.replace(/\\(.)/g, '$1') ?? pair[3] ?? '');
  }
  return params;
}

/**
 * The Authorization value for a `WWW-Authenticate`/`Proxy-Authenticate` one (RFC 3261 22.4, RFC 8760), or undefined if we
 * cannot.
 *
 * @param uses how many requests have answered this nonce, this one included
 */
export function answerChallenge(
  challenge: string,
  method: string,
  uri: string,
  { username, password }: DigestCredentials,
  uses = 1,
): string | undefined {
  const params = parseDigest(challenge);
  const algorithm = algorithmOf(params?.get('algorithm'));
  const nonce = params?.get('nonce');
  if (!params || !algorithm || nonce === undefined) return undefined;
  const realm = params.get('realm') ?? '';
  const qop = params
    .get('qop')
    ?.split(',')
    .map((one) => one.trim().toLowerCase());
  if (qop && !qop.includes('auth')) return undefined;
  const nc = uses.toString(16).padStart(8, '0');
  const protection = qop ? { qop: 'auth', nc, cnonce: randomBytes(8).toString('hex') } : undefined;
  const response = digestResponse(algorithm, { username, realm, password, method, uri, nonce, protection });
  const fields = [`username="${username}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${uri}"`];
  fields.push(`response="${response}"`, `algorithm=${algorithm}`);
  if (protection) fields.push('qop=auth', `nc=${protection.nc}`, `cnonce="${protection.cnonce}"`);
  const opaque = params.get('opaque');
  if (opaque !== undefined) fields.push(`opaque="${opaque}"`);
  return `Digest ${fields.join(', ')}`;
}

export interface DigestInput extends DigestCredentials {
  realm: string;
  method: string;
  uri: string;
  nonce: string;
  protection: { qop: string; nc: string; cnonce: string } | undefined;
}

/** RFC 2617 3.2.2; SIP keeps MD5 for want of anything that every trunk knows. */
export function digestResponse(algorithm: DigestAlgorithm, input: DigestInput): string {
  const hash = (text: string): string =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const ha1 = hash(`${input.username}:${input.realm}:${input.password}`);
  const ha2 = hash(`${input.method}:${input.uri}`);
  const { protection } = input;
  if (!protection) return hash(`${ha1}:${input.nonce}:${ha2}`);
  return hash(`${ha1}:${input.nonce}:${protection.nc}:${protection.cnonce}:${protection.qop}:${ha2}`);
}

/** Compares in constant time: how far a guess is right is nobody's business. */
export function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** MD5 where none is named (RFC 3261 22.4); undefined for what neither RFC knows. */
export function algorithmOf(name: string | undefined): DigestAlgorithm | undefined {
  const upper = (name ?? 'MD5').toUpperCase();
  return upper === 'MD5' || upper === 'SHA-256' ? upper : undefined;
}
