import { toError } from '../lib/deadline.js';
import { CommandError, text, UsageError, type Terminal, type Values } from './command.js';

const DEFAULT_URL = 'http://127.0.0.1:8080';
const TIMEOUT_MS = 30_000;

interface Problem {
  detail?: string;
  title?: string;
  code?: string;
  /** Of an import. */
  errors?: { row: number; field: string; message: string }[];
}

/** The gateway did not answer at all: whoever waits for it may try again. */
export class GatewayAway extends CommandError {}

/** Asks a running gateway over its HTTP interface. */
export class GatewayClient {
  readonly url: string;

  constructor(
    values: Values,
    private readonly terminal: Terminal,
  ) {
    this.url = (text(values['url']) ?? terminal.env['CALLTRACK_URL'] ?? DEFAULT_URL).replace(/\/+$/, '');
    if (!/^https?:\/\//.test(this.url)) throw new UsageError(`"${this.url}" is no address like ${DEFAULT_URL}`);
    this.#key = text(values['key']) ?? terminal.env['CALLTRACK_KEY'] ?? '';
  }

  readonly #key: string;

  async get<T>(path: string): Promise<T> {
    return (await this.#ask('GET', path)) as T;
  }

  async put(path: string, body: unknown): Promise<unknown> {
    return this.#ask('PUT', path, JSON.stringify(body));
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return this.#ask('POST', path, JSON.stringify(body));
  }

  /** @param body as it is sent; JSON unless `type` says otherwise */
  async send(method: 'POST' | 'PATCH', path: string, body: string, type?: string): Promise<unknown> {
    return this.#ask(method, path, body, type);
  }

  async delete(path: string): Promise<unknown> {
    return this.#ask('DELETE', path);
  }

  async #ask(method: string, path: string, body?: string, type = 'application/json'): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#key}`,
          ...(body === undefined ? {} : { 'content-type': type }),
        },
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.terminal.interrupted]),
        ...(body === undefined ? {} : { body }),
      });
      if (response.ok) return await response.json();
    } catch (error) {
      const cause = toError(error).cause;
      throw new GatewayAway(`the gateway at ${this.url} does not answer: ${toError(cause ?? error).message}`);
    }
    const problem = (await response.json().catch(() => ({}))) as Problem;
    const detail = problem.detail ?? problem.title ?? 'no explanation';
    const rows = (problem.errors ?? [])
      .map(({ row, field, message }) => `\n  row ${row}, ${field}: ${message}`)
      .join('');
    throw new CommandError(
      `the gateway at ${this.url} answers ${response.status} ${problem.code ?? ''}: ${detail}${rows}`,
    );
  }
}
