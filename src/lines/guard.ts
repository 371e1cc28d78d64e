/** How often a password was guessed wrongly of late: by this source for this user, by this source, for this user. */
export interface FailureCounts {
  pair: number;
  source: number;
  user: number;
}

/** A phone with a wrong password stops here, long before its neighbours behind the same address suffer for it. */
const PAIR_LIMIT = 10;
const SOURCE_LIMIT = 50;
const USER_LIMIT = 100;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 4000;

/** What a wrong password is answered with. */
export interface Reaction {
  /** Refused without a challenge, and not counted any more, until the counts have expired. */
  blocked: 'pair' | 'source' | 'user' | null;
  delayMs: number;
}

export function reactTo({ pair, source, user }: FailureCounts): Reaction {
  const n = Math.max(pair, Math.floor(source / 5), Math.floor(user / 10));
  const delayMs = n < 2 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (n - 2));
  if (pair >= PAIR_LIMIT) return { blocked: 'pair', delayMs };
  if (source >= SOURCE_LIMIT) return { blocked: 'source', delayMs };
  return { blocked: user >= USER_LIMIT ? 'user' : null, delayMs };
}

/** Keys with an end, never more than `max` of them: the oldest makes room. */
export class ExpiringSet {
  readonly #until = new Map<string, number>();

  constructor(private readonly max: number) {}

  add(key: string, untilMs: number): void {
    this.#until.delete(key);
    if (this.#until.size >= this.max) this.#until.delete(this.#until.keys().next().value ?? '');
    this.#until.set(key, untilMs);
  }

  has(key: string, nowMs: number): boolean {
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > nowMs) return true;
    this.#until.delete(key);
    return false;
  }
}

/** Token buckets by source, never more than `maxSources` of them: who has been quiet longest is forgotten first. */
export class SourceLimiter {
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(private readonly options: { perSecond: number; burst: number; maxSources: number }) {}

  take(source: string, nowMs: number): boolean {
    const { perSecond, burst, maxSources } = this.options;
    const known = this.#buckets.get(source);
    const elapsedMs = known ? Math.max(0, nowMs - known.atMs) : 0;
    const tokens = known ? Math.min(burst, known.tokens + (elapsedMs * perSecond) / 1000) : burst;
    this.#buckets.delete(source);
    if (this.#buckets.size >= maxSources) this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    this.#buckets.set(source, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  }
}
