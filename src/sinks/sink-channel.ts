import { setTimeout as delay } from 'node:timers/promises';
import { toError } from '../lib/deadline.js';
import { HttpPoster, type SenderTimeouts } from '../webhooks/http-poster.js';
import type { Delivery } from '../webhooks/queue.js';
import type { Attempt, DeliveryChannel } from '../webhooks/sender.js';
import type { Sink, SinkAnswer, SinkEvent, SinkOutcome, SinkRequest } from './sink.js';

interface SinkChannelOptions {
  connections: number;
  allowPrivate: boolean;
  timeouts?: SenderTimeouts | undefined;
}

/** Puts a sink in the place of a webhook receiver: the same outbox, order, retries and dead letters. */
export class SinkChannel implements DeliveryChannel {
  readonly #sink: Sink;
  readonly #poster: HttpPoster;
  readonly #abort = new AbortController();
  /** When the next request may go out. */
  #turn = 0;

  constructor(sink: Sink, options: SinkChannelOptions) {
    this.#sink = sink;
    this.#poster = new HttpPoster(sink.url, options);
  }

  async send({ body }: Pick<Delivery, 'eventId' | 'attempt' | 'body'>): Promise<Attempt> {
    const startedAt = performance.now();
    let last: SinkAnswer | null = null;
    const ask = async (request: SinkRequest): Promise<SinkAnswer> => (last = await this.#ask(request));
    const outcome = await this.#sink
      .deliver(JSON.parse(body.toString()) as SinkEvent, ask)
      // A fault in a sink of ours: the event waits for the version that is better.
      .catch((thrown: unknown): SinkOutcome => ({ outcome: 'retry', reason: toError(thrown).message }));
    return attemptOf(outcome, last, performance.now() - startedAt);
  }

  abort(): void {
    this.#abort.abort();
    this.#poster.abort();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#poster.close();
  }

  async #ask({ method, path, headers = {}, body }: SinkRequest): Promise<SinkAnswer> {
    await this.#waitForTurn();
    const { pathname, search } = this.#sink.url;
    const whole = path === '' ? pathname + search : pathname.replace(/\/$/, '') + path;
    const flat = ['user-agent', 'calltrack-gateway', ...Object.entries(headers).flat()];
    const answer = await this.#poster.post({ method, path: whole, headers: flat, body });
    return { ...answer, json: jsonOf(answer.response) };
  }

  async #waitForTurn(): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#turn);
    this.#turn = at + this.#sink.spacingMs;
    if (at > now) await delay(at - now, undefined, { signal: this.#abort.signal }).catch(() => undefined);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A success with an error inside is no success, so the outcome counts and the status is for the log. */
function attemptOf(outcome: SinkOutcome, last: SinkAnswer | null, latencyMs: number): Attempt {
  const delivered = outcome.outcome === 'delivered';
  const reason = delivered ? null : outcome.reason;
  // 410 would switch the whole endpoint off; a vendor means one object by it.
  const status = last === null || last.status === 410 ? null : last.status;
  return {
    delivered,
    status,
    error: reason === null ? null : { code: last?.error?.code ?? 'SINK', message: reason },
    latencyMs,
    retryAfterMs: outcome.outcome === 'retry' ? (outcome.retryAfterMs ?? null) : null,
    response: last?.response ?? '',
    ...(outcome.outcome === 'dead' ? { dead: outcome.reason } : {}),
  };
}
