import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { requestIdOf } from '../http/problem.js';
import { toError } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { Desk } from './desk.js';
import { setPageHeaders } from './headers.js';
import type { MessageKey } from './i18n/en.js';
import type { Route } from './route.js';
import { refusalWords } from './view/refusal.js';

const TEXTS: Readonly<Record<number, MessageKey>> = {
  400: 'error.400',
  403: 'error.403',
  404: 'error.404',
  409: 'error.409',
  410: 'error.410',
  429: 'error.429',
  503: 'error.503',
  504: 'error.503',
};
/** In place of what its status says. */
const OWN_TEXTS: Readonly<Record<string, MessageKey>> = {
  GW_ERR_CALLER_ERASED: 'error.erased',
  GW_ERR_CALL_ARCHIVED: 'error.archived',
  GW_ERR_LEGAL_HOLD: 'error.legalHold',
  GW_ERR_RECORDING_DELETED: 'error.deleted',
};
/** What a page may say beside the status: these were written for whoever asked. */
const TOLD = new Set([400, 409, 410, 413]);

/** A page for people who followed a wrong address; programs get the problem document of everything else. */
export function consoleNotFound(routes: readonly Route[]): RequestHandler {
  const known = new Set(routes.filter(({ path }) => !path.includes(':')).map(({ path }) => path));
  return (req, _res, next) => {
    const person = req.method === 'GET' && req.accepts(['json', 'html']) === 'html' && !req.path.startsWith('/v1/');
    if (person || known.has(req.path)) next(new GatewayError('GW_ERR_NOT_FOUND', 'there is no such page'));
    else next();
  };
}

/** Every error becomes a page, or the part of one that htmx asked for; none tells how we are built. */
export function consoleFailures(desk: Desk, logger: Logger): ErrorRequestHandler {
  // Express tells error handlers by their four parameters.
  return (thrown: unknown, req, res, next) => {
    const status = statusOf(thrown);
    if (status >= 500) {
      const fields = { err: toError(thrown), method: req.method, requestId: requestIdOf(res) };
      logger.error(fields, 'page of the console failed');
    }
    if (res.headersSent) next(thrown);
    else show(desk, req, res, { status, thrown });
  };
}

interface Failure {
  status: number;
  thrown: unknown;
}

function show(desk: Desk, req: Request, res: Response, { status, thrown }: Failure): void {
  setPageHeaders(req, res);
  const visit = desk.visit(req, res, null);
  const own = thrown instanceof GatewayError ? OWN_TEXTS[thrown.code] : undefined;
  const text = visit.t(own ?? TEXTS[status] ?? (status < 500 ? 'error.400' : 'error.500'));
  const told = thrown instanceof GatewayError && !own && TOLD.has(status) ? thrown : null;
  const words = told && refusalWords(visit, told);
  const detail = told && !words ? told.message : null;
  if (status === 503) res.setHeader('Retry-After', '5');
  // Who is told why in his own language has nothing to ask support, and the log of `info` has nothing to look up.
  const explained = Boolean(words ?? own);
  visit.page(
    visit.partial ? 'parts/flash' : 'error',
    { status, text: words ?? text, detail, explained, bare: true },
    status,
  );
}

function statusOf(thrown: unknown): number {
  if (thrown instanceof GatewayError) return thrown.httpStatus;
  if (thrown instanceof URIError) return 404;
  const status = typeof thrown === 'object' && thrown !== null && 'status' in thrown ? thrown.status : 500;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
