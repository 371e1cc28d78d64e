import { Agent, request, type Dispatcher } from 'undici';
import { toError } from '../lib/deadline.js';
import type { Clock } from '../lib/clock.js';
import { checkLiteralHost, guardedLookup } from './egress-guard.js';
import type { Delivery } from './queue.js';
import { parseRetryAfter } from './retry.js';
import { signingKey, webhookHeaders } from './signature.js';

export interface EndpointConfig {
  id: string;
  url: string;
  /** One secret, or several while one is being replaced by another. */
  secret: string | readonly string[];
  allowPrivate: boolean;
}

export interface SenderTimeouts {
  connectMs: number;
  totalMs: number;
}

export const SENDER_TIMEOUTS: SenderTimeouts = { connectMs: 3_000, totalMs: 15_000 };

const RESPONSE_BYTES = 4_096;
/** Less than the five seconds after which common servers close an idle connection: a request must not meet that. */
const KEEP_ALIVE_MS = 4_000;

/** How one attempt went. */
export interface Attempt {
  /** 2xx arrived. What happens to the connection after that is the receiver's business. */
  delivered: boolean;
  /** HTTP status; null when no answer came. */
  status: number | null;
  /** Code of what went wrong below HTTP (`ECONNREFUSED`, `UND_ERR_CONNECT_TIMEOUT` …), and in words. */
  error: { code: string; message: string } | null;
  latencyMs: number;
  /** Only with 429 and 503. */
  retryAfterMs: number | null;
  /** Start of the response body, at most 4 kB. */
  response: string;
}

/** Posts events to one endpoint over connections of its own, so that no other endpoint waits behind it. */
export class Sender {
  readonly #url: URL;
  readonly #headers: Record<string, string>;
  readonly #keys: Buffer[];
  readonly #agent: Agent;
  readonly #allowPrivate: boolean;
  readonly #timeouts: SenderTimeouts;
  readonly #now: Clock;

  constructor(endpoint: EndpointConfig, connections: number, now: Clock, timeouts: SenderTimeouts = SENDER_TIMEOUTS) {
    this.#url = new URL(endpoint.url);
    this.#headers = {
      'content-type': 'application/json',
      'user-agent': 'calltrack-gateway',
      ...credentials(this.#url),
    };
    this.#keys = [endpoint.secret].flat().map(signingKey);
    this.#allowPrivate = endpoint.allowPrivate;
    this.#timeouts = timeouts;
    this.#now = now;
    this.#agent = new Agent({
      connections,
      connect: { timeout: timeouts.connectMs, lookup: guardedLookup(endpoint.allowPrivate) },
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: timeouts.totalMs,
      bodyTimeout: timeouts.totalMs,
    });
  }

  /** One attempt; never rejects. `stop` cuts it short. */
  async send(delivery: Delivery, stop: AbortSignal): Promise<Attempt> {
    const startedAt = performance.now();
    const since = (): number => performance.now() - startedAt;
    const limit = limitAttempt(stop, this.#timeouts.totalMs);
    try {
      checkLiteralHost(this.#url, this.#allowPrivate);
      const answer = await this.#post(delivery, limit.signal);
      const response = await readStart(answer.body);
      const { statusCode: status, headers } = answer;
      const delivered = status >= 200 && status < 300;
      const asks = status === 429 || status === 503;
      const retryAfterMs = asks ? parseRetryAfter(headers['retry-after'], this.#now()) : null;
      return { delivered, status, error: null, latencyMs: since(), retryAfterMs, response };
    } catch (thrown) {
      const error = describe(toError(thrown));
      return { delivered: false, status: null, error, latencyMs: since(), retryAfterMs: null, response: '' };
    } finally {
      limit.release();
    }
  }

  /** Idle connections are closed, busy ones broken off. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }

  // undici follows no redirect unless told to: a 3xx is an answer like any other that is not 2xx.
  #post({ eventId, attempt, body }: Delivery, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const timestamp = Math.floor(this.#now() / 1000);
    const headers = { ...this.#headers, ...webhookHeaders({ id: eventId, timestamp, body }, attempt, this.#keys) };
    return request(this.#url, { method: 'POST', headers, body, signal, dispatcher: this.#agent });
  }
}

/**
 * A signal that aborts with `stop`, or after `totalMs`. Not `AbortSignal.any`: under Node 20 a lasting signal keeps an
 * entry for every signal ever derived from it, so each delivery would leave one behind for as long as we run.
 */
function limitAttempt(stop: AbortSignal, totalMs: number): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const onStop = (): void => controller.abort(stop.reason);
  const timer = setTimeout(() => {
    controller.abort(new DOMException('no complete answer in time', 'TimeoutError'));
  }, totalMs);
  stop.addEventListener('abort', onStop, { once: true });
  if (stop.aborted) onStop();
  const release = (): void => {
    clearTimeout(timer);
    stop.removeEventListener('abort', onStop);
  };
  return { signal: controller.signal, release };
}

/** Takes `user:password@` out of the URL, so that nothing prints it, and makes it a header. */
function credentials(url: URL): Record<string, string> {
  if (url.username === '' && url.password === '') return {};
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** The first 4 kB; the rest is not waited for. The status has decided already, so a body that breaks off is as good. */
async function readStart(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Destroying a body that has not ended makes it emit an error, after the loop too.
  body.on('error', () => undefined);
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes >= RESPONSE_BYTES) break;
    }
  } catch {
    // broken off by the receiver or by our deadline
  }
  body.destroy();
  return Buffer.concat(chunks).subarray(0, RESPONSE_BYTES).toString('utf8');
}

function describe(error: Error): { code: string; message: string } {
  const cause = error instanceof AggregateError ? toError(error.errors[0]) : error;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
  return { code, message: cause.message };
}
