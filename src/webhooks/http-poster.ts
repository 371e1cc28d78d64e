import { Pool, type Dispatcher } from 'undici';
import { toError } from '../lib/deadline.js';
import { checkLiteralHost, guardedLookup } from './egress-guard.js';

export interface SenderTimeouts {
  connectMs: number;
  totalMs: number;
}

export const SENDER_TIMEOUTS: SenderTimeouts = { connectMs: 3_000, totalMs: 15_000 };

export const RESPONSE_BYTES = 4_096;
/** Less than the five seconds after which common servers close an idle connection: a request must not meet that. */
const KEEP_ALIVE_MS = 4_000;

/** PEM texts. What is null is not used: the system's authorities count then, and we show no certificate. */
export interface TlsConfig {
  ca?: string | null;
  cert?: string | null;
  key?: string | null;
}

export interface PosterOptions {
  /** Most requests at a time; no more may be posted. */
  connections: number;
  allowPrivate: boolean;
  tls?: TlsConfig | undefined;
  timeouts?: SenderTimeouts | undefined;
}

export interface HttpRequest {
  method: 'POST' | 'GET' | 'PATCH' | 'PUT';
  /** With the query. */
  path: string;
  /** Name, value, name, value … */
  headers: string[];
  body: string | Buffer;
}

export interface HttpAnswer {
  /** null when no answer came. */
  status: number | null;
  headers: Record<string, string | string[] | undefined>;
  /** Start of the body, at most 4 kB. */
  response: string;
  /** Code of what went wrong below HTTP (`ECONNREFUSED`, `UND_ERR_CONNECT_TIMEOUT` …), and in words. */
  error: { code: string; message: string } | null;
  latencyMs: number;
}

/**
 * HTTP to one origin, over connections of its own, so that nobody else waits behind it. Works on undici's own level
 * of callbacks: signals, promises and streams of each request cost more than the request.
 * No redirect is followed: a 3xx is an answer like any other.
 */
export class HttpPoster {
  readonly #pool: Pool;
  readonly #timeouts: SenderTimeouts;
  readonly #forbidden: Error | null;
  readonly #open = new Set<Exchange>();
  /** One timer for the oldest request, whatever their number. */
  #timer: NodeJS.Timeout | null = null;

  constructor(origin: URL, { connections, allowPrivate, tls, timeouts = SENDER_TIMEOUTS }: PosterOptions) {
    this.#timeouts = timeouts;
    this.#forbidden = forbidden(origin, allowPrivate);
    this.#pool = new Pool(origin.origin, {
      connections,
      connect: { ...defined(tls), timeout: timeouts.connectMs, lookup: guardedLookup(allowPrivate) },
      keepAliveTimeout: KEEP_ALIVE_MS,
      // The deadline below is for the whole.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Never rejects. */
  post(request: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      const exchange = new Exchange((answer) => {
        this.#open.delete(exchange);
        resolve(answer);
      });
      if (this.#forbidden) {
        exchange.end(this.#forbidden);
        return;
      }
      this.#open.add(exchange);
      this.#timer ??= this.#watch(this.#timeouts.totalMs);
      this.#pool.dispatch(request, exchange);
    });
  }

  /** Breaks off what is under way. */
  abort(): void {
    const error = new DOMException('broken off', 'AbortError');
    for (const exchange of [...this.#open]) exchange.end(error);
  }

  /** Idle connections are closed, busy ones broken off. */
  close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.abort();
    return this.#pool.destroy();
  }

  #watch(ms: number): NodeJS.Timeout {
    // It may have been our own event loop that stood still: what has arrived meanwhile is read first, then we judge.
    return setTimeout(() => setImmediate(() => this.#expire()), ms).unref();
  }

  #expire(): void {
    this.#timer = null;
    const now = performance.now();
    for (const exchange of [...this.#open]) {
      const leftMs = exchange.startedAt + this.#timeouts.totalMs - now;
      // In the order of their start: the rest is younger.
      if (leftMs > 0) {
        this.#timer = this.#watch(leftMs);
        return;
      }
      exchange.end(new DOMException('no complete answer in time', 'TimeoutError'));
    }
  }
}

/** One request and its answer. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly startedAt = performance.now();
  #controller: Dispatcher.DispatchController | null = null;
  #done: ((answer: HttpAnswer) => void) | null;
  #status: number | null = null;
  #headers: HttpAnswer['headers'] = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(done: (answer: HttpAnswer) => void) {
    this.#done = done;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (!this.#done) controller.abort(new Error('nobody waits for it any more'));
  }

  onResponseStart(_controller: unknown, status: number, headers: HttpAnswer['headers']): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  /** The first 4 kB; the rest is not waited for. */
  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > RESPONSE_BYTES) this.end(null);
  }

  onResponseEnd(): void {
    this.#controller = null;
    this.end(null);
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#controller = null;
    this.end(error);
  }

  /** The first end counts. A status that has come has decided already, so a body that breaks off is as good. */
  end(error: Error | null): void {
    const done = this.#done;
    if (!done) return;
    this.#done = null;
    const latencyMs = performance.now() - this.startedAt;
    const body = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    done({
      status: this.#status,
      headers: this.#headers,
      response: body?.toString('utf8', 0, Math.min(body.length, RESPONSE_BYTES)) ?? '',
      error: this.#status === null && error ? describe(error) : null,
      latencyMs,
    });
    this.#controller?.abort(error ?? new Error('enough was read'));
  }
}

/** Name, value, name, value …: ours, then those given. What is given under a name of ours takes its place. */
export function withHeaders(own: readonly string[], given: Readonly<Record<string, string>>): string[] {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  const left = own.filter((_text, i) => !names.has((own[i - (i % 2)] ?? '').toLowerCase()));
  return [...left, ...Object.entries(given).flat()];
}

/** `user:password@` of the URL as a header: name, value. */
export function credentials(url: URL): string[] {
  if (url.username === '' && url.password === '') return [];
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return ['authorization', `Basic ${Buffer.from(pair).toString('base64')}`];
}

function forbidden(origin: URL, allowPrivate: boolean): Error | null {
  try {
    checkLiteralHost(origin, allowPrivate);
    return null;
  } catch (error) {
    return toError(error);
  }
}

const defined = (tls: TlsConfig = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(tls).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

function describe(error: Error): { code: string; message: string } {
  const cause = error instanceof AggregateError ? toError(error.errors[0]) : error;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
  return { code, message: cause.message };
}
