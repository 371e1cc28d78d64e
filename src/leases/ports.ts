import type { VisitorSession } from '../call/call.js';
import type { Holder } from '../call/ports.js';

/** What lending needs from the store, in its own words; `redis/leases.ts` implements it. Times in ms since the epoch. */

/** A number lent to one visitor session. */
export interface Lease extends Holder {
  number: string;
}

/** How a site lends; durations in ms. */
export interface PoolPolicy {
  lease: number;
  maxLease: number;
  quarantine: number;
  /** Share still free at which the pool counts as low. */
  low: number;
  /** Shown where no number is free. */
  fallback?: string | undefined;
  /** How long it is remembered who has had a number. */
  holders: number;
}

/** Somebody who asks in many visitors' name and is not to have the whole pool: an address. */
export interface Asker {
  /** Goes into a key of Redis: nothing by which he could be found again. */
  id: string;
  /** Of the pool's numbers, resting ones too; 1: all. */
  share: number;
}

/** How a site lends promo codes; durations in ms. */
export interface PromoPolicy {
  /** Beside a number, in its place, or not at all. */
  lend: 'never' | 'beside' | 'instead';
  /** Of a code. */
  digits: number;
  lease: number;
  /** How much longer a code counts, without being lent to somebody else. */
  rest: number;
}

export interface PromoCode {
  code: string;
  expiresAt: number;
}

export interface CodeRequest {
  site: string;
  session: VisitorSession;
  leaseIdStart: string;
  /** To choose a new one from, all of one length. */
  codes: string[];
  lengthMs: number;
  restMs: number;
  /** Who may not have more than `most` of them; null: he may have all. */
  asker: { id: string; most: number } | null;
}

/** All reject with GW_ERR_REDIS_AWAY. */
export interface PromoStore {
  /**
   * The code that the session has, for longer, or one of `codes`; null where all of these are lent, `held` where the asker
   * has his share. One exchange.
   */
  lendCode(request: CodeRequest): Promise<PromoCode | 'held' | null>;
  /** One exchange. */
  findCode(site: string, code: string): Promise<Holder | null>;
}

/** A number that the pool gave out and that could not be lent all the same. */
export interface Refusal {
  number: string;
  /** When it may be tried again; null: it is none of this pool's numbers any more. */
  retryAt: number | null;
  reason: RefusalReason;
}

/**
 * `none`: not there, of another site or static. `leased`: somebody else's lease stands on it. `talking`: a call is up
 * on it. `resting`: its last holder may still call. `late`: we were held up for longer than the lease lasts.
 */
export const REFUSAL_REASONS = ['none', 'disabled', 'late', 'leased', 'talking', 'resting'] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export interface TakeRequest {
  site: string;
  sessionId: string;
  /** Beginning of the id that a new lease gets; the store appends the number's digits. */
  leaseIdStart: string;
  lengthMs: number;
  policy: PoolPolicy;
  /** Put back first. */
  refused: Refusal | null;
  /** No number any more: this visitor goes without. */
  giveUp: boolean;
  /** null: who may have them all. */
  asker: Asker | null;
}

/** A number reserved for the session in the pool, not lent yet. */
export interface Taken {
  outcome: 'taken' | 'kept';
  number: string;
  leaseId: string;
  expiresAt: number;
}

/** @property again this visitor went without a number before: he is counted once; `held`: the asker has his share */
export type TakeResult = Taken | { outcome: 'dry'; again: boolean } | { outcome: 'held' };

export interface LendRequest {
  site: string;
  session: VisitorSession;
  taken: Taken;
  policy: PoolPolicy;
}

/** All reject with GW_ERR_REDIS_AWAY; whatever was done until then only costs one number for one lease. */
export interface LeaseStore {
  /** The pool's half. One exchange. */
  take(request: TakeRequest): Promise<TakeResult>;
  /** The number's half, which decides. One exchange. */
  lend(request: LendRequest): Promise<Lease | Refusal>;
  /** The lease that stands on this number now, whoever wrote it. */
  find(number: string): Promise<Lease | null>;
  /** What was last lent to this session, if it still stands. */
  findBySession(site: string, sessionId: string): Promise<Lease | null>;
  /**
   * Leases that stand on the site's numbers, in the order of these.
   * @param after number to go on behind; null: from the first one
   * @param most numbers that are looked at
   */
  list(site: string, after: string | null, most: number): Promise<{ leases: Lease[]; next: string | null }>;
  /** @returns null where it does not stand (any more) */
  extend(lease: Lease, lengthMs: number, policy: PoolPolicy): Promise<Lease | null>;
  /** @returns false where it does not stand (any more) */
  release(lease: Lease, policy: PoolPolicy): Promise<boolean>;
}
