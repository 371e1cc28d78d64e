import type { KeyObject } from 'node:crypto';
import type { Clock } from '../lib/clock.js';
import {
  credentials,
  HttpPoster,
  RESPONSE_BYTES,
  SENDER_TIMEOUTS,
  withHeaders,
  type HttpAnswer,
  type TlsConfig,
} from './http-poster.js';
import type { Delivery } from './queue.js';
import { parseRetryAfter } from './retry.js';
import { signingKey, webhookHeaders } from './signature.js';

export interface EndpointConfig {
  id: string;
  url: string;
  /** One secret, or several while one is being replaced by another. */
  secret: string | readonly string[];
  allowPrivate: boolean;
  /** Sent with every request, beside those of Standard Webhooks. */
  headers?: Readonly<Record<string, string>> | undefined;
  tls?: TlsConfig | undefined;
  /** Most requests at a time, of one gateway. */
  inFlight?: number | undefined;
  /** After so long without one success it is disabled, ms. */
  disableAfter?: number | undefined;
}

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
  /** Start of the response body, before it where a redirect leads to; at most 4 kB. */
  response: string;
  /** Why no further attempt can help; left out where one may. */
  dead?: string;
}

/** How a kind of endpoint is told of events. */
export interface DeliveryChannel {
  /** Most attempts at a time. */
  readonly inFlight: number;
  /** Longest that one attempt takes: what is leased for less could be sent twice. */
  readonly attemptMs: number;
  /** It is sent what tells of calls only, so that no other event shows how it does. */
  readonly callsOnly: boolean;
  /** One attempt; never rejects. */
  send(delivery: Pick<Delivery, 'eventId' | 'attempt' | 'body'>): Promise<Attempt>;
  /** Breaks off what is being sent. */
  abort(): void;
  close(): Promise<void>;
}

/** What an attempt came to, by HTTP. */
function attemptOf(answer: HttpAnswer, now: number): Attempt {
  const { status, headers, response, error, latencyMs } = answer;
  const delivered = status !== null && status >= 200 && status < 300;
  const asks = status === 429 || status === 503;
  const retryAfterMs = asks ? parseRetryAfter(headers['retry-after'], now) : null;
  const told = (redirectOf(answer) + response).slice(0, RESPONSE_BYTES);
  return { delivered, status, error, latencyMs, retryAfterMs, response: told };
}

/** Longer ones are cut. */
const LOCATION_LETTERS = 256;

/** Said before the body of a 3xx, which is mostly empty: people look for an error, not for another address. */
function redirectOf({ status, headers }: HttpAnswer): string {
  if (status === null || status < 300 || status > 399) return '';
  const to = [headers['location']].flat()[0];
  return `redirects are not followed${to === undefined ? '' : `, this one leads to ${to.slice(0, LOCATION_LETTERS)}`}. `;
}

/** Posts events to one endpoint as Standard Webhooks has it. */
export class Sender implements DeliveryChannel {
  readonly inFlight: number;
  readonly attemptMs: number;
  readonly callsOnly = false;
  readonly #path: string;
  readonly #headers: readonly string[];
  readonly #keys: KeyObject[];
  readonly #poster: HttpPoster;
  readonly #now: Clock;

  constructor(endpoint: EndpointConfig, inFlight: number, now: Clock, timeouts = SENDER_TIMEOUTS) {
    this.inFlight = inFlight;
    this.attemptMs = timeouts.totalMs;
    const url = new URL(endpoint.url);
    this.#path = url.pathname + url.search;
    const own = ['content-type', 'application/json', 'user-agent', 'calltrack-gateway', ...credentials(url)];
    this.#headers = withHeaders(own, endpoint.headers ?? {});
    this.#keys = [endpoint.secret].flat().map(signingKey);
    this.#now = now;
    const { allowPrivate, tls } = endpoint;
    this.#poster = new HttpPoster(url, { connections: inFlight, allowPrivate, tls, timeouts });
  }

  async send({ eventId, attempt, body }: Pick<Delivery, 'eventId' | 'attempt' | 'body'>): Promise<Attempt> {
    const now = this.#now();
    const signed = webhookHeaders({ id: eventId, timestamp: Math.floor(now / 1000), body }, attempt, this.#keys);
    const headers = [...this.#headers, ...signed];
    return attemptOf(await this.#poster.post({ method: 'POST', path: this.#path, headers, body }), now);
  }

  abort(): void {
    this.#poster.abort();
  }

  close(): Promise<void> {
    return this.#poster.close();
  }
}
