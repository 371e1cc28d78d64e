import { createHmac, randomBytes } from 'node:crypto';
import {
  algorithmOf,
  answerChallenge,
  digestResponse,
  parseDigest,
  sameText,
  type DigestAlgorithm,
  type DigestCredentials,
} from '../../lib/digest.js';
import type { SipRequest, SipResponse } from './message.js';
import { newTag } from './transactions.js';

const MAX_NONCE_AGE_MS = 300_000;

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
    private readonly algorithm: DigestAlgorithm = 'MD5',
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
    const expected = digestResponse(this.algorithm, { username, realm, password, method, uri, nonce, protection });
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
