/** When a failed delivery is tried again: a pure function of how often and for how long it has failed. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Before the second attempt, the third …; the last one repeats. */
const DELAYS_MS = [2, 5, 15, 30, 60, 120, 300, 900, 1_800, 3_600, 7_200, 14_400].map((s) => s * SECOND);

/**
 * Three days, and four hours more (the longest delay): a receiver that was away for 72 h still gets an attempt at
 * everything after its return.
 */
export const GIVE_UP_AFTER_MS = 76 * HOUR;

const JITTER = 0.2;
const RETRY_AFTER_MOST_MS = HOUR;

interface FailedAttempt {
  /** From 1. */
  attempt: number;
  /** Since when it has been tried, ms. */
  ageMs: number;
  /** What the receiver asked for, ms; null where it did not. */
  retryAfterMs: number | null;
}

/**
 * How long to wait, ms, or null when the delivery is dead. The last attempt falls on the end of the time allowed.
 * @param random 0 ≤ random < 1
 */
export function retryDelay({ attempt, ageMs, retryAfterMs }: FailedAttempt, random: number): number | null {
  const leftMs = GIVE_UP_AFTER_MS - ageMs;
  if (leftMs <= 0) return null;
  const scheduled = DELAYS_MS[Math.min(attempt, DELAYS_MS.length) - 1] ?? SECOND;
  const jittered = Math.round(scheduled * (1 - JITTER + 2 * JITTER * random));
  const asked = retryAfterMs === null ? null : Math.min(Math.max(retryAfterMs, SECOND), RETRY_AFTER_MOST_MS);
  return Math.max(SECOND, Math.min(asked ?? jittered, leftMs));
}

/** `Retry-After` (RFC 9110 section 10.2.3) in ms from `now`: seconds or a date; null when absent or unreadable. */
export function parseRetryAfter(header: string | string[] | undefined, now: number): number | null {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return null;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * SECOND;
  // Date.parse takes "1.5" and "-5" for dates of 2001.
  const date = /^\s*[A-Z][a-z]+,? /.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
