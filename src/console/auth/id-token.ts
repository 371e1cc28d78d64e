import { createPublicKey, verify, type JsonWebKey } from 'node:crypto';

/** Keys of an identity provider (RFC 7517). */
export interface Jwk extends JsonWebKey {
  kid?: string;
  alg?: string;
  use?: string;
}

export interface TokenRules {
  issuer: string;
  clientId: string;
  nonce: string;
  /** Seconds since the epoch. */
  now: number;
}

/** Clocks differ. */
const LEEWAY_SECONDS = 60;
const ALGORITHMS = { RS256: { kty: 'RSA' }, ES256: { kty: 'EC' } } as const;
type Algorithm = keyof typeof ALGORITHMS;
const PART = /^[\w-]{1,16000}$/;

/** Why a token is not believed; for the log, without anything that stood in it. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

/** The claims of an id token whose signature and claims hold (OpenID Connect Core 3.1.3.7). */
export function readIdToken(token: string, keys: readonly Jwk[], rules: TokenRules): Record<string, unknown> {
  const [head = '', body = '', signature = '', more] = token.split('.');
  if (more !== undefined || ![head, body, signature].every((part) => PART.test(part)))
    throw new TokenError('not a signed token');
  const header = readPart(head);
  const algorithm = header['alg'];
  // "none" and the symmetric ones would let anybody sign.
  if (algorithm !== 'RS256' && algorithm !== 'ES256') throw new TokenError('signed in a way that is not accepted');
  const fitting = keys.filter((key) => fits(key, algorithm, header['kid']));
  const data = Buffer.from(`${head}.${body}`);
  if (!fitting.some((key) => isSigned(data, Buffer.from(signature, 'base64url'), key)))
    throw new TokenError('the signature is not by a key of the issuer');
  const claims = readPart(body);
  checkClaims(claims, rules);
  return claims;
}

function fits(key: Jwk, algorithm: Algorithm, kid: unknown): boolean {
  if (key.kty !== ALGORITHMS[algorithm].kty || (key.use !== undefined && key.use !== 'sig')) return false;
  if (key.alg !== undefined && key.alg !== algorithm) return false;
  if (algorithm === 'ES256' && key.crv !== 'P-256') return false;
  return kid === undefined || key.kid === undefined || key.kid === kid;
}

function isSigned(data: Buffer, signature: Buffer, jwk: Jwk): boolean {
  try {
    // JWS has the two numbers of an ECDSA signature side by side (RFC 7518 section 3.4).
    return verify(
      'sha256',
      data,
      { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      signature,
    );
  } catch {
    return false;
  }
}

function checkClaims(claims: Record<string, unknown>, { issuer, clientId, nonce, now }: TokenRules): void {
  const { iss, aud, azp, exp, iat } = claims;
  if (iss !== issuer) throw new TokenError('of another issuer');
  const audience: unknown[] = [aud].flat();
  if (!audience.includes(clientId)) throw new TokenError('for somebody else');
  if ((audience.length > 1 || azp !== undefined) && azp !== clientId) throw new TokenError('for another party');
  if (typeof exp !== 'number' || exp + LEEWAY_SECONDS <= now) throw new TokenError('expired');
  if (typeof iat !== 'number' || iat - LEEWAY_SECONDS > now) throw new TokenError('from the future');
  if (claims['nonce'] !== nonce) throw new TokenError('not an answer to this log-in');
  if (typeof claims['sub'] !== 'string' || claims['sub'] === '') throw new TokenError('about nobody');
}

function readPart(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new TokenError('not readable');
}
