import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import type { Clock } from '../lib/clock.js';
import { toError } from '../lib/deadline.js';
import { sourceOf } from '../lib/source.js';
import { challenges, checkCredentials, type CredentialCheck, type Realm } from './credentials.js';
import { ExpiringSet, reactTo, SourceLimiter, type Reaction } from './guard.js';
import { HeldAnswers } from './held-answers.js';
import { NONCE_LIFE_MS } from './nonce.js';
import type { Binding, RegistrationStore } from './ports.js';
import { planRegistration, type RegisterRequest } from './registration.js';
import { readNameAddr, readSipUri } from './sip-uri.js';

export interface RegisterAnswer {
  status: number;
  reason?: string;
  /** Several values make several headers. */
  headers: Record<string, string | string[]>;
}

export const REGISTER_RESULTS = [
  'registered',
  'removed',
  'queried',
  'challenged',
  'stale',
  'wrong_password',
  'blocked',
  'flood',
  'refused',
  'unavailable',
] as const;
export type RegisterResult = (typeof REGISTER_RESULTS)[number];

export interface RegistrarDeps {
  config: () => Pick<GatewayConfig, 'lines' | 'registrar'>;
  store: RegistrationStore;
  /** drachtio's own SIP addresses, `udp/10.0.0.1:5060`. */
  ownAddresses: () => readonly string[];
  /** Names that drachtio-server. */
  edge: () => string;
  count: (result: RegisterResult) => void;
  logger: Logger;
  clock: Clock;
}

/** A whole office re-registers through one address after a power cut: two requests for each phone. */
const PER_SOURCE = { perSecond: 20, burst: 200, maxSources: 10_000 };
/** Whatever comes from wherever, calls shall not wait for it. */
const TOGETHER = { perSecond: 300, burst: 600, maxSources: 1 };
/** Longer headers are no phone's, and cost more to read than to send. */
const MAX_HEADER = 4096;
const BLOCKED_MS = 60_000;
const REMEMBERED = 10_000;
const FLOOD_RETRY_SECONDS = '5';
const AWAY_RETRY_SECONDS = '10';
/** Unknown user names share this many counters, so that nobody fills Redis by making names up. */
const STRANGERS = 256;

type Credentials = Extract<CredentialCheck, { kind: 'right' }>;
type Verdict = [RegisterResult, RegisterAnswer];

/** Takes the registrations of the lines' phones (RFC 3261 10.3). Never rejects. */
export class Registrar {
  readonly #perSource = new SourceLimiter(PER_SOURCE);
  readonly #together = new SourceLimiter(TOGETHER);
  /** What Redis said of late about sources that guess, so that they cost no round trip; a source, or `source user`. */
  readonly #blocked = new ExpiringSet(REMEMBERED);
  /** `source user` that had the password right: guesses of others do not lock it out. */
  readonly #trusted = new ExpiringSet(REMEMBERED);
  /** Where phones of ours have registered from. */
  readonly #sources = new ExpiringSet(REMEMBERED);
  readonly #held = new HeldAnswers();

  constructor(private readonly deps: RegistrarDeps) {}

  async answer(request: RegisterRequest): Promise<RegisterAnswer> {
    const [result, answer] = await this.#decide(request).catch((error: unknown): Verdict => {
      this.deps.logger.warn({ err: toError(error) }, 'a phone could not be registered');
      return ['unavailable', refusal(503, undefined, { 'Retry-After': AWAY_RETRY_SECONDS })];
    });
    this.deps.count(result);
    return answer;
  }

  /** Whether a phone has registered from this address with this gateway of late. */
  knows(address: string): boolean {
    return this.#sources.has(sourceOf(address), this.deps.clock());
  }

  /**
   * A phone of this user is registered at this address, whichever gateway took it: as if it had registered here. Without
   * it whoever guesses at passwords would lock the phones out of a gateway that has just started.
   */
  recall(user: string, address: string, registeredUntilMs: number): void {
    const now = this.deps.clock();
    const source = sourceOf(address);
    const until = registeredUntilMs + NONCE_LIFE_MS;
    // What is known from the phone itself holds for longer.
    if (!this.#trusted.has(`${source} ${user}`, now)) this.#trusted.add(`${source} ${user}`, until);
    if (!this.#sources.has(source, now)) this.#sources.add(source, until);
  }

  /** Lets go of every answer that is being delayed. */
  stop(): void {
    this.#held.releaseAll();
  }

  async #decide(request: RegisterRequest): Promise<Verdict> {
    const now = this.deps.clock();
    const source = sourceOf(request.source.address);
    // Who has phones of ours is not shut out by what strangers send, be it from a thousand forged addresses.
    if (!this.#perSource.take(source, now) || !(this.#sources.has(source, now) || this.#together.take('', now))) {
      return ['flood', refusal(503, undefined, { 'Retry-After': FLOOD_RETRY_SECONDS })];
    }
    if (isTooLong(request)) return ['refused', refusal(400, 'Header Too Long')];
    const { nonceSecret } = this.deps.store;
    if (!nonceSecret) return ['unavailable', refusal(503, undefined, { 'Retry-After': AWAY_RETRY_SECONDS })];
    const { lines, registrar } = this.deps.config();
    const { realm: name, algorithms } = registrar;
    const realm: Realm = { name, secret: nonceSecret, lines, algorithms };
    const check = checkCredentials(request.authorization, realm, now);
    const claimed = 'user' in check ? check.user : userOf(request.from);
    if (this.#isBlocked(source, claimed, now)) return ['blocked', BLOCKED];
    switch (check.kind) {
      case 'none':
        return ['challenged', challenge(realm, now)];
      case 'malformed':
        return ['refused', refusal(400, 'Malformed Credentials')];
      case 'stale':
        return ['stale', challenge(realm, now, true)];
      case 'wrong':
        return this.#wrong(check, realm, source);
      case 'right':
        return this.#right(check, request, realm, source);
    }
  }

  async #wrong(check: Extract<CredentialCheck, { kind: 'wrong' }>, realm: Realm, source: string): Promise<Verdict> {
    const counts = await this.deps.store.countFailure({ source, user: check.line?.id ?? strangerOf(check.user) });
    const reaction = reactTo(counts);
    this.#remember(reaction, source, check.user);
    this.deps.logger.info(
      { from: source, line: check.line?.id ?? null, failures: counts },
      'wrong password of a phone',
    );
    await this.#held.hold(reaction.delayMs);
    return reaction.blocked ? ['blocked', BLOCKED] : ['wrong_password', challenge(realm, this.deps.clock())];
  }

  async #right(check: Credentials, request: RegisterRequest, realm: Realm, source: string): Promise<Verdict> {
    const pair = `${source} ${check.user}`;
    const { store } = this.deps;
    if (!this.#trusted.has(pair, this.deps.clock())) {
      const reaction = reactTo(await store.failures({ source, user: check.line.id }));
      this.#remember(reaction, source, check.user);
      if (reaction.blocked) return ['blocked', BLOCKED];
    }
    const { registrar } = this.deps.config();
    const until = this.deps.clock() + registrar.maxExpires + NONCE_LIFE_MS;
    this.#trusted.add(pair, until);
    this.#sources.add(source, until);
    return this.#register(check, request, realm);
  }

  async #register({ line, nonce, nonceCount }: Credentials, request: RegisterRequest, realm: Realm): Promise<Verdict> {
    const { registrar } = this.deps.config();
    const plan = planRegistration(request, {
      minExpiresMs: registrar.minExpires,
      maxExpiresMs: registrar.maxExpires,
      ownAddresses: this.deps.ownAddresses(),
    });
    if (plan.kind === 'refuse') {
      this.deps.logger.warn({ line: line.id, status: plan.status, reason: plan.reason }, 'registration refused');
      return ['refused', refusal(plan.status, plan.reason, plan.headers)];
    }
    const bindings = plan.kind === 'clear' ? plan.kind : plan.kind === 'query' ? [] : plan.bindings;
    const bound = await this.deps.store.bind({
      line: line.id,
      callId: request.callId,
      cseq: request.cseq,
      userAgent: (request.userAgent ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, 128),
      edge: this.deps.edge(),
      nonce: { value: nonce, count: nonceCount },
      maxContacts: registrar.maxContacts,
      bindings,
    });
    if (bound.kind === 'replayed') return ['stale', challenge(realm, this.deps.clock(), true)];
    if (bound.kind === 'out-of-order') return ['refused', refusal(500, 'CSeq Out Of Order')];
    const added = bindings !== 'clear' && bindings.some(({ expiresMs }) => expiresMs > 0);
    const result = plan.kind === 'query' ? 'queried' : added ? 'registered' : 'removed';
    this.deps.logger.debug({ line: line.id, result, contacts: bound.bindings.length }, 'registration taken');
    // What the same phone has registered elsewhere would look to it as what it has here.
    const here = bound.bindings.filter(({ nat, edge }) => !nat || edge === this.deps.edge());
    return [result, success(here, request.path, this.deps.clock())];
  }

  #isBlocked(source: string, user: string, now: number): boolean {
    if (this.#trusted.has(`${source} ${user}`, now)) return false;
    return this.#blocked.has(source, now) || this.#blocked.has(`${source} ${user}`, now);
  }

  #remember({ blocked }: Reaction, source: string, user: string): void {
    if (blocked) this.#blocked.add(blocked === 'source' ? source : `${source} ${user}`, this.deps.clock() + BLOCKED_MS);
  }
}

const BLOCKED: RegisterAnswer = { status: 403, reason: 'Too Many Wrong Passwords', headers: {} };

const challenge = (realm: Realm, now: number, stale = false): RegisterAnswer => ({
  status: 401,
  headers: { 'WWW-Authenticate': challenges(realm, now, stale) },
});

const refusal = (status: number, reason?: string, headers: Record<string, string> = {}): RegisterAnswer => ({
  status,
  ...(reason === undefined ? {} : { reason }),
  headers,
});

function success(bindings: Binding[], path: string | undefined, now: number): RegisterAnswer {
  const contacts = bindings.map(
    ({ registered, expiresInMs }) => `<${registered}>;expires=${Math.max(1, Math.round(expiresInMs / 1000))}`,
  );
  return {
    status: 200,
    headers: {
      ...(contacts.length > 0 ? { Contact: contacts.join(', ') } : {}),
      ...(path === undefined ? {} : { Path: path }),
      Date: new Date(now).toUTCString(),
    },
  };
}

const isTooLong = ({ from, contact, path, require }: RegisterRequest): boolean =>
  [from, contact, path, require].some((header) => header !== undefined && header.length > MAX_HEADER);

const userOf = (from: string | undefined): string => readSipUri(readNameAddr(from ?? '')?.uri ?? '')?.user ?? '';

const strangerOf = (user: string): string =>
  `stranger-${createHash('sha256').update(user).digest().readUInt8(0) % STRANGERS}`;
