import type Srf from 'drachtio-srf';
import { answerChallenge, parseDigest, type DigestCredentials } from '../lib/digest.js';

interface Answered {
  challenge: string;
  nonce: string;
  /** How many requests have borne an answer to it. */
  uses: number;
  /** It came in the place of one that had run out. */
  renewed: boolean;
}

/**
 * The answers to who asks one request of ours for a digest. A proxy and who stands behind it ask one after the other
 * (RFC 3261 22.3); each is answered once, and once more where he says that his nonce has run out. Who asks again after
 * that does not take the password.
 */
export class DigestAnswers {
  readonly #answered = new Map<string, Answered>();

  constructor(
    private readonly method: string,
    private readonly uri: string,
    private readonly credentials: DigestCredentials,
  ) {}

  /**
   * The headers by which the request is to be sent again: to a 401 or 407, by the first of its challenges that we can
   * answer, and to whoever asked before; null for any other response, and where nothing more can be said.
   */
  to(response: Pick<Srf.SrfResponse, 'status' | 'get'> | undefined): Record<string, string> | null {
    if (response?.status !== 401 && response?.status !== 407) return null;
    const proxy = response.status === 407;
    const header = proxy ? 'Proxy-Authorization' : 'Authorization';
    const joined = response.get(proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate') ?? '';
    // srf joins headers of one name by commas; RFC 8760 2.4: one header for each algorithm.
    const challenge = joined.split(/,\s*(?=Digest\s)/i).find((one) => this.#answer(one, 1) !== undefined);
    if (challenge === undefined) return null;
    const params = parseDigest(challenge);
    const nonce = params?.get('nonce') ?? '';
    const before = this.#answered.get(header);
    const ranOut = params?.get('stale')?.toLowerCase() === 'true' && nonce !== before?.nonce;
    if (before && (before.renewed || !ranOut)) return null;
    this.#answered.set(header, { challenge, nonce, uses: 0, renewed: before !== undefined });
    return Object.fromEntries([...this.#answered].map(([name, answered]) => [name, this.#next(answered)]));
  }

  /** RFC 7616 3.4: who counts takes an answer with the count of the one before for a replay. */
  #next(answered: Answered): string {
    answered.uses += 1;
    return this.#answer(answered.challenge, answered.uses) ?? '';
  }

  #answer(challenge: string, uses: number): string | undefined {
    return answerChallenge(challenge, this.method, this.uri, this.credentials, uses);
  }
}
