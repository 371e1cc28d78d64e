import type { AttemptTrace, Delivery, Settlement } from './queue.js';
import { retryDelay } from './retry.js';
import type { Attempt } from './sender.js';

/** A receiver that answered 410 gets the event again after this, once it is enabled. */
const GONE_DELAY_MS = 60_000;
/** Of a success; of a failure all 4 kB are kept. */
const KEPT_OF_SUCCESS = 256;

/** What one attempt makes of its batch. `brokenOff`: attempts are being broken off; `random`: 0 … 1. */
export function settlementOf(delivery: Delivery, attempt: Attempt, brokenOff: boolean, random: number): Settlement {
  if (attempt.delivered) return { outcome: 'delivered' };
  if (attempt.dead !== undefined) return { outcome: 'dead', reason: attempt.dead, verdict: true };
  if (attempt.status === null && brokenOff) return { outcome: 'abandoned' };
  if (attempt.status === 410) return { outcome: 'retry', delayMs: GONE_DELAY_MS };
  const delayMs = retryDelay({ ...delivery, retryAfterMs: attempt.retryAfterMs }, random);
  if (delayMs === null) return { outcome: 'dead', reason: failure(attempt) };
  return attempt.retryAfterMs === null
    ? { outcome: 'retry', delayMs }
    : { outcome: 'retry', delayMs, pauseMs: delayMs };
}

/** `at`: when it ended, ms since the epoch. */
export function traceOf(attempt: Attempt, at: number): AttemptTrace {
  const { delivered, status, latencyMs, response } = attempt;
  if (delivered) return { at, status, latencyMs, text: response.slice(0, KEPT_OF_SUCCESS) };
  return { at, status, latencyMs, text: saysWhy(status) ? response : failure(attempt) };
}

/** A vendor's 2xx says nothing of what was wrong with it, or with what was done behind it. */
export const saysWhy = (status: number | null): status is number => status !== null && status >= 300;

const failure = ({ status, error }: Attempt): string =>
  error ? `${error.code}: ${error.message}` : `HTTP ${status ?? 0}`;
