import { formatIssue, type ConfigIssue } from '../config/errors.js';
import { toError } from '../lib/deadline.js';
import { NOTHING_HERE } from '../http/problem.js';
import { CommandError, text, UsageError, type Terminal, type Values } from './command.js';

const DEFAULT_URL = 'http://127.0.0.1:8080';
const TIMEOUT_MS = 30_000;
/** Of a gateway whose Redis is away, and of a proxy whose gateway is. */
const PASSING = new Set([502, 503, 504]);
/** Beside what the gateway allows itself. */
const MARGIN_MS = 10_000;
/** Of an answer that is read as it comes. */
const STREAM_TIMEOUT_MS = 600_000;

interface Problem {
  detail?: string;
  title?: string;
  code?: string;
  /** Of an import, or of a configuration. */
  errors?: ({ row: number; field: string; message: string } | ConfigIssue)[];
}

/** The gateway answered that it does not do this. */
export class Refused extends CommandError {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** The gateway did not answer, or cannot do it at this moment: whoever waits for it may try again. */
class GatewayAway extends CommandError {}

/** For who watches it: he wants to see a gateway that restarts come back. Null while it is away; refusals end the command. */
export async function unlessAway<T>(ask: () => Promise<T>, terminal: Terminal): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof GatewayAway)) throw error;
    if (!terminal.interrupted.aborted) terminal.err(`${error.message}; trying again`);
    return null;
  }
}

/** Asks a running gateway over its HTTP interface. */
export class GatewayClient {
  readonly url: string;
  readonly #key: string;

  constructor(
    values: Values,
    private readonly terminal: Terminal,
  ) {
    this.url = (text(values['url']) ?? terminal.env['CALLTRACK_URL'] ?? DEFAULT_URL).replace(/\/+$/, '');
    if (!/^https?:\/\//.test(this.url)) throw new UsageError(`"${this.url}" is no address like ${DEFAULT_URL}`);
    this.#key = text(values['key']) ?? terminal.env['CALLTRACK_KEY'] ?? '';
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#ask('GET', path)) as T;
  }

  async put(path: string, body: unknown): Promise<unknown> {
    return this.#ask('PUT', path, JSON.stringify(body));
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return (await this.#ask('POST', path, JSON.stringify(body))) as T;
  }

  /** @param body as it is sent; JSON unless `type` says otherwise */
  async send(method: 'POST' | 'PATCH', path: string, body: string, type?: string): Promise<unknown> {
    return this.#ask(method, path, body, type);
  }

  /** @param serverTimeoutMs what the gateway itself allows: its word on it is waited for */
  async delete<T>(path: string, serverTimeoutMs = 0): Promise<T> {
    const timeoutMs = Math.max(TIMEOUT_MS, serverTimeoutMs + MARGIN_MS);
    return (await this.#ask('DELETE', path, undefined, undefined, timeoutMs)) as T;
  }

  /** The lines of an answer that may be long, as they come. */
  async *lines(path: string): AsyncGenerator<string> {
    const response = await this.#fetch('GET', path, STREAM_TIMEOUT_MS);
    if (!response.ok) throw await this.#refusal(response);
    if (!response.headers.get('content-type')?.includes('json')) throw this.#foreign(response);
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const piece of response.body ?? []) {
        const lines = (rest + decoder.decode(piece as Uint8Array, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        yield* lines;
      }
    } catch (error) {
      throw new CommandError(`the answer of the gateway at ${this.url} broke off: ${toError(error).message}`);
    }
    if (rest !== '') yield rest;
  }

  async #ask(
    method: string,
    path: string,
    body?: string,
    type = 'application/json',
    timeoutMs = TIMEOUT_MS,
  ): Promise<unknown> {
    const response = await this.#fetch(method, path, timeoutMs, body, type);
    if (!response.ok) throw await this.#refusal(response);
    if (response.status === 204) return null;
    return await response.json().catch((error: unknown) => {
      throw error instanceof SyntaxError ? this.#foreign(response) : this.#away(error);
    });
  }

  async #fetch(method: string, path: string, timeoutMs: number, body?: string, type?: string): Promise<Response> {
    return await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body === undefined || type === undefined ? {} : { 'content-type': type }),
      },
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.terminal.interrupted]),
      ...(body === undefined ? {} : { body }),
    }).catch((error: unknown) => {
      throw this.#away(error);
    });
  }

  #away(error: unknown): GatewayAway {
    const { message, code } = toError(toError(error).cause ?? error) as NodeJS.ErrnoException;
    // A name with several addresses, none of which answers, has a code only.
    return new GatewayAway(`the gateway at ${this.url} does not answer: ${message || String(code)}`);
  }

  /** A proxy before the gateway, or something else at its address. */
  #foreign({ status, statusText }: Response): CommandError {
    const answer = [status, statusText].filter(Boolean).join(' ');
    const said = `what answers at ${this.url} (${answer}) is no gateway: a proxy, or another address?`;
    return PASSING.has(status) ? new GatewayAway(said) : new CommandError(said);
  }

  async #refusal(response: Response): Promise<CommandError> {
    const problem = (await response.json().catch(() => null)) as Problem | null;
    if (!problem?.code?.startsWith('GW_ERR_')) return this.#foreign(response);
    const { code, detail = problem.title ?? 'no explanation', errors = [] } = problem;
    const each = errors.map((error) =>
      'row' in error ? `row ${error.row}, ${error.field}: ${error.message}` : formatIssue(error),
    );
    const hint = this.#hint(code, detail);
    const head = `the gateway at ${this.url} answers ${response.status} ${code}: ${detail}${hint}`;
    const said = [head, ...each].join('\n  ');
    return PASSING.has(response.status) ? new GatewayAway(said) : new Refused(said, code);
  }

  #hint(code: string, detail: string): string {
    if (code === 'GW_ERR_UNAUTHORIZED')
      return this.#key === '' ? '; there is none in CALLTRACK_KEY' : '; that of CALLTRACK_KEY or --key is none of them';
    return detail === NOTHING_HERE ? '; is it older than this calltrack?' : '';
  }
}
