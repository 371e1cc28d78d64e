import { createHash, randomBytes } from 'node:crypto';
import type { ConsoleUserConfig, OidcConfig } from '../../config/schema.js';
import { systemClock, type Clock } from '../../lib/clock.js';
import type { ConsoleUser } from '../access.js';
import type { SessionRecord, SessionStore } from './ports.js';

/** A log-in of this moment. */
export interface Session {
  /** What the cookie holds. */
  token: string;
  user: ConsoleUser;
  language: ConsoleUserConfig['language'];
  csrf: string;
}

export interface SessionRules {
  /** ms without a request after which one must log in again. */
  idle: number;
  /** ms after which one must log in again whatever happened. */
  max: number;
}

export interface SessionDeps {
  store: SessionStore;
  users: () => readonly ConsoleUserConfig[];
  oidc: () => OidcConfig | undefined;
  rules: () => SessionRules;
  clock?: Clock;
}

const TOKEN = /^[\w-]{43}$/;

/** Sessions: a random token in the cookie, its hash in Redis, so that who reads Redis cannot log in with it. */
export class Sessions {
  constructor(private readonly deps: SessionDeps) {}

  /** A new token with each log-in: one that somebody planted before is worth nothing. */
  async begin(
    user: { name: string } & Pick<SessionRecord, 'passwordMark' | 'grants'>,
    former: string | null,
  ): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const { name, passwordMark, grants } = user;
    const csrf = randomBytes(32).toString('base64url');
    const record: SessionRecord = { user: name, passwordMark, grants, csrf, createdAt: this.#now() };
    if (former !== null) await this.end(former);
    const { idle, max } = this.deps.rules();
    await this.deps.store.save(idOf(token), record, Math.min(idle, max));
    return token;
  }

  /**
   * Who this is; null where he must log in (again).
   * @param active whether this is something the person did, which keeps the session alive
   */
  async find(token: string | null, active: boolean): Promise<Session | null> {
    if (token === null || !TOKEN.test(token)) return null;
    const record = await this.deps.store.find(idOf(token));
    if (!record) return null;
    const left = record.createdAt + this.deps.rules().max - this.#now();
    const known = this.#userOf(record);
    if (!known || left <= 0) {
      await this.end(token);
      return null;
    }
    if (active) await this.deps.store.keep(idOf(token), Math.min(left, this.deps.rules().idle));
    return { token, csrf: record.csrf, ...known };
  }

  async end(token: string): Promise<void> {
    if (TOKEN.test(token)) await this.deps.store.remove(idOf(token));
  }

  /** By the configuration as it is now: who was taken out of it is out at once. */
  #userOf({ user, passwordMark, grants }: SessionRecord): Pick<Session, 'user' | 'language'> | null {
    if (grants) return this.#grantedUser(user, grants);
    const config = this.deps.users().find(({ name }) => name === user);
    if (!config || markOf(config.password) !== passwordMark) return null;
    return { user: { name: user, role: config.role, sites: config.sites ?? null }, language: config.language };
  }

  /** As long as his provider is asked, and gives somebody this role. */
  #grantedUser(name: string, { role, sites, issuer }: NonNullable<SessionRecord['grants']>) {
    const oidc = this.deps.oidc();
    if (oidc?.issuer !== issuer || !oidc.roles.some((one) => one.role === role)) return null;
    return { user: { name, role, sites }, language: undefined };
  }

  #now(): number {
    return (this.deps.clock ?? systemClock)();
  }
}

export const markOf = (passwordHash: string): string =>
  createHash('sha256').update(passwordHash).digest('base64url').slice(0, 22);

const idOf = (token: string): string => createHash('sha256').update(token).digest('base64url');
