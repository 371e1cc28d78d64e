import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { OidcConfig } from '../../config/schema.js';
import { systemClock, type Clock } from '../../lib/clock.js';
import type { ConsoleUser } from '../access.js';
import { readIdToken, TokenError, type Jwk } from './id-token.js';
import type { AttemptBook } from './ports.js';

const TIMEOUT_MS = 5_000;
const MAX_ANSWER = 256 * 1024;
/** How long somebody may take to log in over there. */
const STATE_MS = 600_000;
const KEYS_FOR_MS = 3_600_000;
const STATE = /^[\w-]{43}$/;

const discoverySchema = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url({ protocol: /^https?$/ }),
  token_endpoint: z.url({ protocol: /^https?$/ }),
  jwks_uri: z.url({ protocol: /^https?$/ }),
});
type Discovery = z.output<typeof discoverySchema>;
const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });
const answerSchema = z.object({ id_token: z.string() });
const stateSchema = z.object({
  verifier: z.string(),
  nonce: z.string(),
  next: z.string().nullable(),
  browser: z.string(),
});

export interface OidcDeps {
  config: () => OidcConfig | undefined;
  publicUrl: () => string;
  book: Pick<AttemptBook, 'putState' | 'takeState'>;
  clock?: Clock;
}

/** Log-in by an identity provider: code flow with PKCE (OpenID Connect Core 3.1, RFC 7636). */
export class OidcLogin {
  #known: { issuer: string; at: number; discovery: Discovery; keys: Jwk[] } | null = null;

  constructor(private readonly deps: OidcDeps) {}

  /** What the log-in page calls it; null where there is none. */
  get name(): string | null {
    return this.deps.config()?.name ?? null;
  }

  /**
   * Where to send somebody who wants to log in.
   * @param browser what only this browser knows: a log-in begun in one cannot be ended in another
   */
  async begin(browser: string, next: string | null): Promise<string> {
    const config = this.#config();
    const { discovery } = await this.#provider(config, false);
    const [state, nonce, verifier] = [random(), random(), random()];
    await this.deps.book.putState(state, JSON.stringify({ verifier, nonce, next, browser: hash(browser) }), STATE_MS);
    const address = new URL(discovery.authorization_endpoint);
    const parameters = {
      response_type: 'code',
      client_id: config.clientId,
      redirect_uri: this.#returnAddress(),
      scope: config.scopes.join(' '),
      state,
      nonce,
      code_challenge: hash(verifier),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    return address.href;
  }

  /** Who came back; throws TokenError where that is not certain, or he has no role here. */
  async finish(query: { code?: string; state?: string }, browser: string | null) {
    const config = this.#config();
    const { state = '', code = '' } = query;
    const stored = STATE.test(state) ? await this.deps.book.takeState(state) : null;
    if (stored === null || code === '') throw new TokenError('no such log-in is under way');
    const { verifier, nonce, next, browser: begunBy } = stateSchema.parse(JSON.parse(stored));
    if (browser === null || hash(browser) !== begunBy) throw new TokenError('begun in another browser');
    const { discovery } = await this.#provider(config, false);
    const idToken = await this.#exchange(config, discovery, code, verifier);
    const user = userOf(await this.#claims(config, idToken, nonce), config);
    return { user, next, issuer: config.issuer };
  }

  async #exchange(config: OidcConfig, discovery: Discovery, code: string, verifier: string): Promise<string> {
    const { clientId, clientSecret } = config;
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: this.#returnAddress(),
      code_verifier: verifier,
      client_id: clientId,
    });
    // RFC 6749 section 2.3.1.
    const secret = clientSecret && `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
    const headers: Record<string, string> = {};
    if (secret) headers['Authorization'] = `Basic ${Buffer.from(secret).toString('base64')}`;
    const answer = await readJson(discovery.token_endpoint, { method: 'POST', body: form, headers });
    return answerSchema.parse(answer).id_token;
  }

  async #claims(config: OidcConfig, token: string, nonce: string): Promise<Record<string, unknown>> {
    const now = Math.floor((this.deps.clock ?? systemClock)() / 1000);
    const rules = { issuer: config.issuer, clientId: config.clientId, nonce, now };
    try {
      return readIdToken(token, (await this.#provider(config, false)).keys, rules);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      // The provider may have changed its keys since we asked.
      return readIdToken(token, (await this.#provider(config, true)).keys, rules);
    }
  }

  async #provider({ issuer }: OidcConfig, anew: boolean) {
    const now = (this.deps.clock ?? systemClock)();
    const known = this.#known;
    if (known?.issuer === issuer && !anew && now - known.at < KEYS_FOR_MS) return known;
    const base = issuer.replace(/\/$/, '');
    const discovery = discoverySchema.parse(await readJson(`${base}/.well-known/openid-configuration`));
    if (discovery.issuer !== issuer) throw new TokenError('the provider calls itself by another name');
    const keys = keySetSchema.parse(await readJson(discovery.jwks_uri)).keys as Jwk[];
    this.#known = { issuer, at: now, discovery, keys };
    return this.#known;
  }

  #config(): OidcConfig {
    const config = this.deps.config();
    if (!config) throw new TokenError('there is no such log-in');
    return config;
  }

  #returnAddress(): string {
    return `${this.deps.publicUrl().replace(/\/+$/, '')}/login/oidc/done`;
  }
}

/** What the claims make of somebody here; the first role of the configuration that he has. */
function userOf(claims: Record<string, unknown>, config: OidcConfig): ConsoleUser {
  const name = claims[config.nameClaim] ?? claims['sub'];
  const has = texts(claims[config.roleClaim]);
  const role = config.roles.find(({ value }) => has.includes(value))?.role;
  if (role === undefined) throw new TokenError('has no role here');
  if (config.sitesClaim === undefined) return { name: String(name).slice(0, 64), role, sites: null };
  // Who is given no site sees none: a claim that is missing must not open everything.
  return { name: String(name).slice(0, 64), role, sites: texts(claims[config.sitesClaim]) };
}

const texts = (claim: unknown): string[] => [claim].flat().filter((one): one is string => typeof one === 'string');

async function readJson(address: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(address, { ...init, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = (await response.text()).slice(0, MAX_ANSWER);
  if (!response.ok) throw new TokenError(`the provider answers ${response.status}`);
  return JSON.parse(text);
}

const random = (): string => randomBytes(32).toString('base64url');
const hash = (text: string): string => createHash('sha256').update(text).digest('base64url');
