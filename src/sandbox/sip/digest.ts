import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SipRequest, SipResponse } from './message.js';
import { newTag } from './transactions.js';

export interface DigestCredentials {
  username: string;
  password: string;
}

type Algorithm = 'MD5' | 'SHA-256';

/** A challenge or credentials taken apart, names in lower case, quotes gone. */
export type DigestParams = Map<string, string>;

const MAX_NONCE_AGE_MS = 300_000;

/** `Digest realm="x", nonce="y"` → its parameters; undefined for other schemes. */
export function parseDigest(value: string): DigestParams | undefined {
  const match = /^\s*Digest\s+(.*)$/is.exec(value);
  if (!match) return undefined;
  const params: DigestParams = new Map();
  for (const pair of (match[1] ?? '').matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    params.set((pair[1] ?? '').toLowerCase(), pair[2]?.replace(/\\(.)/g, '$1') ?? pair[3] ?? '');
  }
  return params;
}

/** The Authorization value for a `WWW-Authenticate`/`Proxy-Authenticate` one (RFC 3261 22.4, RFC 8760), or undefined if we cannot. */
export function answerChallenge(
  challenge: string,
  method: string,
  uri: string,
  { username, password }: DigestCredentials,
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
  const protection = qop ? { qop: 'auth', nc: '00000001', cnonce: randomBytes(8).toString('hex') } : undefined;
  const response = digest(algorithm, { username, realm, password, method, uri, nonce, protection });
  const fields = [`username="${username}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${uri}"`];
  fields.push(`response="${response}"`, `algorithm=${algorithm}`);
  if (protection) fields.push('qop=auth', `nc=${protection.nc}`, `cnonce="${protection.cnonce}"`);
  const opaque = params.get('opaque');
  if (opaque !== undefined) fields.push(`opaque="${opaque}"`);
  return `Digest ${fields.join(', ')}`;
}

/** The request once more with our credentials and the next CSeq; undefined when the response asks for none we can give. */
export function authorize(
  request: SipRequest,
  response: SipResponse,
  credentials: DigestCredentials,
): SipRequest | undefined {
  const isProxy = response.status === 407;
  if (!isProxy && response.status !== 401) return undefined;
  for (const challenge of response.headers.getAll(isProxy ? 'Proxy-Authenticate' : 'WWW-Authenticate')) {
    const answer = answerChallenge(challenge, request.method, request.uri, credentials);
    if (answer === undefined) continue;
    const retry = request.clone();
    retry.headers.remove('Via').set('CSeq', `${request.cseq.seq + 1} ${request.method}`);
    retry.headers.set(isProxy ? 'Proxy-Authorization' : 'Authorization', answer);
    return retry;
  }
  return undefined;
}

/** The server's side: challenges, and tells whether credentials answer one of them. Nonces carry their own proof. */
export class DigestVerifier {
  readonly #secret = randomBytes(16);

  constructor(
    readonly realm: string,
    private readonly passwordOf: (username: string) => string | undefined,
    private readonly algorithm: Algorithm = 'MD5',
    private readonly now: () => number = Date.now,
  ) {}

  /** Value for WWW-Authenticate or Proxy-Authenticate. */
  challenge(stale = false): string {
    const fields = [`realm="${this.realm}"`, `nonce="${this.#nonce(this.now())}"`, `opaque="${newTag()}"`];
    fields.push(`algorithm=${this.algorithm}`, 'qop="auth"');
    return `Digest ${fields.join(', ')}${stale ? ', stale=true' : ''}`;
  }

  /** `credentials` is the value of Authorization or Proxy-Authorization. */
  verify(credentials: string, method: string): 'ok' | 'stale' | 'wrong' {
    const params = parseDigest(credentials);
    const username = params?.get('username') ?? '';
    const password = this.passwordOf(username);
    const nonce = params?.get('nonce') ?? '';
    if (!params || password === undefined || params.get('realm') !== this.realm || !this.#isOwn(nonce)) return 'wrong';
    if (algorithmOf(params.get('algorithm')) !== this.algorithm) return 'wrong';
    const qop = params.get('qop');
    const protection =
      qop === undefined ? undefined : { qop, nc: params.get('nc') ?? '', cnonce: params.get('cnonce') ?? '' };
    const { realm } = this;
    const uri = params.get('uri') ?? '';
    const expected = digest(this.algorithm, { username, realm, password, method, uri, nonce, protection });
    if (!sameText(expected, params.get('response') ?? '')) return 'wrong';
    return this.now() - issuedAt(nonce) > MAX_NONCE_AGE_MS ? 'stale' : 'ok';
  }

  #nonce(atMs: number): string {
    const time = atMs.toString(16);
    return `${time}.${createHmac('sha256', this.#secret).update(time).digest('hex').slice(0, 32)}`;
  }

  #isOwn(nonce: string): boolean {
    return sameText(nonce, this.#nonce(issuedAt(nonce)));
  }
}

const issuedAt = (nonce: string): number => Number.parseInt(nonce.split('.')[0] ?? '', 16) || 0;

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function algorithmOf(name: string | undefined): Algorithm | undefined {
  const upper = (name ?? 'MD5').toUpperCase();
  return upper === 'MD5' || upper === 'SHA-256' ? upper : undefined;
}

interface DigestInput extends DigestCredentials {
  realm: string;
  method: string;
  uri: string;
  nonce: string;
  protection: { qop: string; nc: string; cnonce: string } | undefined;
}

/** RFC 2617 3.2.2; SIP keeps MD5 for want of anything that every trunk knows. */
function digest(algorithm: Algorithm, input: DigestInput): string {
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
