import type { ConsoleRole } from '../../config/schema.js';

/** What a log-in leaves behind. */
export interface SessionRecord {
  user: string;
  /** Of the password hash he logged in with: another password ends his sessions. null: by OIDC. */
  passwordMark: string | null;
  /** Of a log-in by OIDC, and by whose word; with a password the configuration tells. */
  grants: { role: ConsoleRole; sites: string[] | null; issuer: string } | null;
  csrf: string;
  /** ms since the epoch. */
  createdAt: number;
}

/** Log-ins, for all gateways together; `redis/` implements it. All reject with GW_ERR_REDIS_AWAY. */
export interface SessionStore {
  save(id: string, record: SessionRecord, forMs: number): Promise<void>;
  find(id: string): Promise<SessionRecord | null>;
  keep(id: string, forMs: number): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface AttemptRule {
  /** Attempts without any wait. */
  free: number;
  firstWaitMs: number;
  maxWaitMs: number;
  /** Attempts so long ago are forgotten. */
  forgetMs: number;
}

/** Attempts to log in, over all gateways. */
export interface AttemptBook {
  /**
   * Counts an attempt of each, before anything is compared: guesses sent side by side are counted too.
   * @returns how long to wait, ms; 0: go on
   */
  attempt(subjects: readonly { subject: string; rule: AttemptRule }[]): Promise<number>;
  /** It was him: his attempts are forgotten, one of the address's is. */
  succeeded(user: string, address: string): Promise<void>;
  /** State of a log-in by OIDC, to be used once; null where there is none (any more). */
  putState(id: string, state: string, forMs: number): Promise<void>;
  takeState(id: string): Promise<string | null>;
}
