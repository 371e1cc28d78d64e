import { setTimeout as delay } from 'node:timers/promises';
import { toError } from '../lib/deadline.js';
import {
  credentials,
  HttpPoster,
  SENDER_TIMEOUTS,
  withHeaders,
  type SenderTimeouts,
  type TlsConfig,
} from '../webhooks/http-poster.js';
import type { Delivery } from '../webhooks/queue.js';
import type { Attempt, DeliveryChannel } from '../webhooks/sender.js';
import type { Sink, SinkAnswer, SinkEvent, SinkOutcome, SinkRequest } from './sink.js';

interface SinkChannelOptions {
  inFlight: number;
  allowPrivate: boolean;
  tls?: TlsConfig | undefined;
  timeouts?: SenderTimeouts | undefined;
}

/** Requests that one event may take. */
const MOST_REQUESTS = 3;

/**
 * Puts a sink in the place of a webhook receiver: the same outbox, order, retries and dead letters. One attempt has the
 * time of three requests. Nothing is asked in the last third, so that every request has its whole time: one that were
 * broken off might have been done, and would be done again.
 */
export class SinkChannel implements DeliveryChannel {
  /** No more than that all get their turns within the attempt. */
  readonly inFlight: number;
  readonly attemptMs: number;
  readonly callsOnly: boolean;
  readonly #askingMs: number;
  readonly #sink: Sink;
  readonly #poster: HttpPoster;
  readonly #abort = new AbortController();
  /** When the next request may go out. */
  #turn = 0;

  constructor(sink: Sink, { inFlight, allowPrivate, tls, timeouts = SENDER_TIMEOUTS }: SinkChannelOptions) {
    const { totalMs } = timeouts;
    this.#sink = sink;
    this.callsOnly = sink.callsOnly;
    this.attemptMs = totalMs * MOST_REQUESTS;
    this.#askingMs = this.attemptMs - totalMs;
    this.inFlight = Math.max(1, Math.min(inFlight, Math.floor(totalMs / MOST_REQUESTS / sink.spacingMs)));
    this.#poster = new HttpPoster(sink.url, { connections: this.inFlight, allowPrivate, tls, timeouts });
  }

  async send({ body }: Pick<Delivery, 'eventId' | 'attempt' | 'body'>): Promise<Attempt> {
    const startedAt = performance.now();
    let last: SinkAnswer | null = null;
    const until = startedAt + this.#askingMs;
    const ask = async (request: SinkRequest): Promise<SinkAnswer> => (last = await this.#ask(request, until));
    const outcome = await this.#sink
      .deliver(JSON.parse(body.toString()) as SinkEvent, ask)
      // A fault in a sink of ours: the event waits for the version that is better.
      .catch((thrown: unknown): SinkOutcome => ({ outcome: 'retry', reason: toError(thrown).message }));
    return this.#attemptOf(outcome, last, performance.now() - startedAt);
  }

  /** A success with an error inside is no success, so the outcome counts and the status is for the log. */
  #attemptOf(outcome: SinkOutcome, last: SinkAnswer | null, latencyMs: number): Attempt {
    const delivered = outcome.outcome === 'delivered';
    const reason = delivered ? null : outcome.reason;
    // 410 switches the whole endpoint off; a vendor, who is told of calls only, means one object by it.
    const status = last === null || (last.status === 410 && this.callsOnly) ? null : last.status;
    return {
      delivered,
      status,
      error: reason === null ? null : { code: last?.error?.code ?? 'SINK', message: reason },
      latencyMs,
      retryAfterMs: outcome.outcome === 'retry' ? (outcome.retryAfterMs ?? null) : null,
      response: last?.response ?? (delivered ? PASSED_OVER : ''),
      ...(outcome.outcome === 'dead' ? { dead: outcome.reason } : {}),
    };
  }

  abort(): void {
    this.#abort.abort();
    this.#poster.abort();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#poster.close();
  }

  async #ask({ method, path, headers = {}, body }: SinkRequest, until: number): Promise<SinkAnswer> {
    const at = Math.max(performance.now(), this.#turn);
    if (at > until) return unasked('TimeoutError', 'no time was left for this request');
    this.#turn = at + this.#sink.spacingMs;
    await this.#waitUntil(at);
    if (this.#abort.signal.aborted) return unasked('AbortError', 'broken off');
    const { pathname, search } = this.#sink.url;
    const whole = path === '' ? pathname + search : pathname.replace(/\/$/, '') + path;
    const own = ['user-agent', 'calltrack-gateway', ...credentials(this.#sink.url)];
    const answer = await this.#poster.post({ method, path: whole, headers: withHeaders(own, headers), body });
    return { ...answer, json: jsonOf(answer.response) };
  }

  async #waitUntil(at: number): Promise<void> {
    const waitMs = at - performance.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal: this.#abort.signal }).catch(() => undefined);
  }
}

/** Stands in the log where nothing was asked: the event says nothing to this system, or nothing new. */
const PASSED_OVER = 'passed over';

/** For a request that was not made. */
const unasked = (code: string, message: string): SinkAnswer => ({
  ...{ status: null, headers: {}, response: '', json: null, latencyMs: 0 },
  error: { code, message },
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
