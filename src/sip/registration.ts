import { randomBytes, randomUUID } from 'node:crypto';
import type Srf from 'drachtio-srf';
import { inBackground } from '../lib/background.js';
import { withDeadline } from '../lib/deadline.js';
import { accountUser } from '../trunks/account.js';
import type { CarrierRegistration, RegisterSettings } from '../trunks/carriers/ports.js';
import type { RegistrationState } from '../trunks/carriers/state.js';
import { DigestAnswers } from './digest-answers.js';

/** Refreshed after this share of what was granted, so that a lost REGISTER costs no call. */
const REFRESH_SHARE = 0.8;
const SHORTEST_REFRESH_MS = 1000;
const RETRY_FIRST_MS = 5000;
const RETRY_MAX_MS = 300_000;
/** Of the whole gateway's trunks: after an outage of the carrier's they shall not all come back in the same instant. */
const RETRY_JITTER = 0.2;
/** Asked for, and believed: what a carrier grants for weeks is refreshed daily all the same. Timers overflow after 24 days. */
const MAX_EXPIRES_SECONDS = 86_400;
/** Challenges of a proxy and of who is behind it, a stale nonce, a longer expiry: more rounds are a carrier that plays with us. */
const MAX_ROUNDS = 6;
const STOP_TIMEOUT_MS = 2000;

/** ms until the next attempt after so many failures in a row: 5 s, 10 s, 20 s … 5 min, each a little off. */
export function retryDelay(failures: number, random: number): number {
  const plain = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return plain * (1 - RETRY_JITTER + 2 * RETRY_JITTER * random);
}

/** Sends one REGISTER; null for silence; rejects while the link to drachtio is down. */
export type SendRegister = (uri: string, headers: Record<string, string>) => Promise<Srf.SrfResponse | null>;

type Outcome =
  | { granted: number; status: number }
  /** `notBeforeMs`: for how long the carrier asks to be left alone. */
  | { granted: null; status: number | null; notBeforeMs: number };

const NOBODY_ANSWERED: Outcome = { granted: null, status: null, notBeforeMs: 0 };

/** Our registration with one carrier (RFC 3261 10.2): one Call-ID, rising CSeq, one attempt at a time. */
export class SrfRegistration implements CarrierRegistration {
  readonly #callId = randomUUID();
  readonly #tag = randomBytes(8).toString('hex');
  #sequence = 0;
  #state: RegistrationState = {
    state: 'registering',
    lastStatus: null,
    registeredUntil: null,
    nextAttemptAt: null,
    failures: 0,
  };
  #timer: NodeJS.Timeout | undefined;
  /** Of the attempt whose outcome counts. */
  #attempt = 0;
  #stopped = false;

  constructor(
    private readonly settings: RegisterSettings,
    private readonly send: SendRegister,
    private readonly onChange: () => void,
  ) {}

  get state(): RegistrationState {
    return this.#state;
  }

  /** What the carrier keeps for us: the same for all that register one contact for one account, whatever their Call-ID. */
  get binding(): string {
    const { account, contact } = this.#addresses;
    return `${account} ${contact}`;
  }

  /** At the start, and whenever the link to drachtio is back: the carrier may have forgotten us, or drachtio moved. */
  register(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    inBackground(this.#try());
  }

  /** @param takeBack whether the carrier is to forget it */
  async stop(takeBack = true): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    const wasRegistered = this.#state.state === 'registered';
    this.#state = { ...this.#state, state: 'stopped', nextAttemptAt: null };
    if (!wasRegistered || !takeBack) return;
    // A carrier that does not answer lets the registration run out by itself.
    await withDeadline(this.#exchange(0), STOP_TIMEOUT_MS, 'unregistering').catch(() => undefined);
  }

  async #try(): Promise<void> {
    const attempt = ++this.#attempt;
    let outcome: Outcome;
    try {
      outcome = await this.#exchange(Math.ceil(this.settings.expires / 1000));
    } catch {
      return; // our own link is down; `register` is called when it is back
    }
    if (this.#stopped || attempt !== this.#attempt) return;
    if (outcome.granted === null) this.#failed(outcome);
    else this.#registered(outcome.status, outcome.granted);
    this.onChange();
  }

  #registered(status: number, grantedSeconds: number): void {
    const delay = Math.max(SHORTEST_REFRESH_MS, grantedSeconds * 1000 * REFRESH_SHARE);
    const registeredUntil = fromNow(grantedSeconds * 1000);
    this.#state = {
      state: 'registered',
      lastStatus: status,
      registeredUntil,
      failures: 0,
      nextAttemptAt: fromNow(delay),
    };
    this.#again(delay);
  }

  #failed({ status, notBeforeMs }: Extract<Outcome, { granted: null }>): void {
    const failures = this.#state.failures + 1;
    const delay = Math.max(retryDelay(failures, Math.random()), notBeforeMs);
    this.#state = { ...this.#state, state: 'failed', lastStatus: status, failures, nextAttemptAt: fromNow(delay) };
    this.#again(delay);
  }

  #again(delayMs: number): void {
    this.#timer = setTimeout(() => this.register(), delayMs);
    this.#timer.unref();
  }

  /** One REGISTER with its challenges (401, 407) and a longer expiry where the carrier asks for it (423). */
  async #exchange(expiresSeconds: number): Promise<Outcome> {
    let expires = expiresSeconds;
    let authorization: Record<string, string> = {};
    let answers = this.#newAnswers();
    let refused = NOBODY_ANSWERED;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const response = await this.send(this.settings.registrar, this.#headers(expires, authorization));
      if (!response) return NOBODY_ANSWERED;
      const { status } = response;
      refused = { granted: null, status, notBeforeMs: retryAfterOf(response) };
      if (status < 300) {
        const granted = grantedBy(response, accountUser(this.settings), expires);
        return { granted: Math.min(granted, MAX_EXPIRES_SECONDS), status };
      }
      const least = status === 423 ? Number.parseInt(response.get('Min-Expires') ?? '', 10) : 0;
      if (least > expires && least <= MAX_EXPIRES_SECONDS) {
        expires = least;
        authorization = {};
        answers = this.#newAnswers();
        continue;
      }
      const answer = answers.to(response);
      if (!answer) break;
      authorization = answer;
    }
    return refused;
  }

  #newAnswers(): DigestAnswers {
    return new DigestAnswers('REGISTER', this.settings.registrar, this.settings);
  }

  get #addresses(): { account: string; contact: string } {
    const { registrar, account } = this.settings;
    const [, host = '', parameters = ''] = /^sips?:(?:[^@]*@)?([^;?]+)([^?]*)/i.exec(registrar) ?? [];
    const transport = /;transport=(tcp|tls)/i.exec(parameters)?.[0] ?? '';
    const user = accountUser(this.settings);
    return {
      account: `<${account ?? `sip:${user}@${host.replace(/:\d+$/, '')}`}>`,
      // drachtio puts its own address in the place of "localhost".
      contact: `<sip:${user}@localhost${transport}>`,
    };
  }

  #headers(expires: number, authorization: Record<string, string>): Record<string, string> {
    const { account, contact } = this.#addresses;
    return {
      From: `${account};tag=${this.#tag}`,
      To: account,
      'Call-ID': this.#callId,
      CSeq: `${++this.#sequence} REGISTER`,
      Contact: contact,
      Expires: String(expires),
      ...authorization,
    };
  }
}

/** As for INVITEs: hours would be a mistake of the carrier's that should not cost a day's calls. */
function retryAfterOf(response: Srf.SrfResponse): number {
  const seconds = Number.parseInt(response.get('Retry-After') ?? '', 10);
  return seconds > 0 ? Math.min(seconds * 1000, RETRY_MAX_MS) : 0;
}

/** Seconds granted: of our own contact, else of the whole answer, else as asked for. */
function grantedBy(response: Srf.SrfResponse, user: string, asked: number): number {
  const contacts = (response.get('Contact') ?? '').split(/,(?=\s*(?:"[^"]*"\s*)?<)/);
  const ours = contacts.filter((contact) => contact.includes(`:${user}@`));
  const granted = ours.flatMap((contact) => Number(/;\s*expires\s*=\s*"?(\d+)/i.exec(contact)?.[1] ?? Number.NaN));
  // Other gateways of ours may be registered beside us: the first to run out is as good a guess as any.
  const least = Math.min(...granted.filter((seconds) => seconds > 0));
  if (Number.isFinite(least)) return least;
  const whole = Number.parseInt(response.get('Expires') ?? '', 10);
  return whole > 0 ? whole : asked;
}

const fromNow = (ms: number): string => new Date(Date.now() + ms).toISOString();
