import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';
import { ERROR_CODES, type ErrorCode, GatewayError } from '../lib/errors.js';

/** An error as RFC 9457 has it. `code` is ours and stable; people read `title` and `detail`. */
interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail?: string;
  requestId?: string;
  [extension: string]: unknown;
}

/** A 5xx whose message is for the client all the same: it says whom else to ask. */
const TOLD: ReadonlySet<ErrorCode> = new Set(['GW_ERR_RECORDING_AWAY']);

export const PROBLEM_TYPE = 'application/problem+json';

export function problemOf(code: ErrorCode, detail?: string, more: Record<string, unknown> = {}): Problem {
  const status = ERROR_CODES[code].http;
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: `urn:calltrack:error:${code}`, title, status, code, ...(detail && { detail }), ...more };
}

export function sendProblem(res: Response, problem: Problem): void {
  if (problem.status === 503 && !res.hasHeader('Retry-After')) res.setHeader('Retry-After', '5');
  res.status(problem.status).type(PROBLEM_TYPE);
  res.send(JSON.stringify({ ...problem, requestId: requestIdOf(res) }));
}

export function requestIdOf(res: Response): string {
  return String(res.getHeader('X-Request-Id') ?? '');
}

/** `detail` where no resource has the path. */
export const NOTHING_HERE = 'there is nothing at this address';

export const notFound: RequestHandler = (_req, res) => {
  sendProblem(res, problemOf('GW_ERR_NOT_FOUND', NOTHING_HERE));
};

/** For a resource whose methods are all registered before: what is left is a method it does not have. */
export const methodNotAllowed: RequestHandler = (req, res) => {
  const { methods } = req.route as { methods: Record<string, boolean> };
  const named = Object.keys(methods).filter((name) => name !== '_all');
  // RFC 9110 9.1: who answers GET answers HEAD, and Express does.
  const allowed = named.flatMap((name) => (name === 'get' ? ['GET', 'HEAD'] : [name.toUpperCase()])).join(', ');
  res.setHeader('Allow', allowed);
  if (req.method === 'OPTIONS') res.status(204).end();
  else sendProblem(res, problemOf('GW_ERR_METHOD_NOT_ALLOWED', `allowed here: ${allowed}`));
};

/** The last handler: every error becomes a problem document, and none of them tells how we are built. */
export function problems(logger: Logger): ErrorRequestHandler {
  // Express tells error handlers by their four parameters.
  return (thrown: unknown, req, res, next) => {
    const problem = toProblem(thrown);
    if (problem.status >= 500) logFailure(logger, thrown, problem, req, res);
    // Half an answer cannot be taken back: Express closes the connection then.
    if (res.headersSent) next(thrown);
    else sendProblem(res, problem);
  };
}

function logFailure(logger: Logger, thrown: unknown, problem: Problem, req: Request, res: Response): void {
  const fields = { err: toError(thrown), code: problem.code, method: req.method, requestId: requestIdOf(res) };
  // What passes by itself, as Redis away does, is told once by who watches it: a request each would drown it.
  const passes = thrown instanceof GatewayError && thrown.retryable;
  logger[passes ? 'warn' : 'error'](fields, 'HTTP request failed');
}

function toProblem(thrown: unknown): Problem {
  if (thrown instanceof GatewayError) {
    // What went wrong inside is for the log; what the client did wrong is for the client.
    if (thrown.httpStatus < 500 || TOLD.has(thrown.code)) return problemOf(thrown.code, thrown.message);
    return problemOf(thrown.code, thrown.retryable ? 'try again later' : undefined);
  }
  // A path that does not decode names nothing.
  if (thrown instanceof URIError || hasStatus(thrown, 404)) return problemOf('GW_ERR_NOT_FOUND');
  if (hasStatus(thrown, 413)) return problemOf('GW_ERR_PAYLOAD_TOO_LARGE', tooLarge(thrown));
  if (hasStatus(thrown, 415)) return problemOf('GW_ERR_UNSUPPORTED_MEDIA_TYPE', 'send UTF-8, unencoded or gzip');
  if (hasStatus(thrown, 400)) return problemOf('GW_ERR_BAD_REQUEST', badRequestDetail(thrown));
  return problemOf('GW_ERR_INTERNAL', 'something failed here; the log has it under this requestId');
}

function tooLarge({ limit }: { limit?: unknown }): string {
  return `the body is larger than ${typeof limit === 'number' ? `${Math.round(limit / 1024)} kB` : 'allowed'}`;
}

function hasStatus(thrown: unknown, status: number): thrown is { status: number; type?: unknown; limit?: unknown } {
  return typeof thrown === 'object' && thrown !== null && 'status' in thrown && thrown.status === status;
}

function badRequestDetail(thrown: { type?: unknown }): string {
  return thrown.type === 'entity.parse.failed' ? 'the body is not JSON' : 'the request could not be read';
}
