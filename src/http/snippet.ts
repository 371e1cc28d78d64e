import { readFileSync } from 'node:fs';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import express, { type Router, type Request, type RequestHandler, type Response } from 'express';
import { isbot } from 'isbot';
import { z } from 'zod';
import type { SnippetConfig } from '../config/schema.js';
import type { Allocation, LeaseDesk } from '../leases/desk.js';
import type { Asker } from '../leases/ports.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { sourceOf } from '../lib/source.js';
import { wholeLetters } from './body.js';
import { sessionSchema } from './leases.js';
import { methodNotAllowed, problemOf, sendProblem } from './problem.js';
import { readBody } from './query.js';
import { RateLimit } from './rate-limit.js';
import { exactRouter } from './router.js';

export interface SiteWithSnippet {
  id: string;
  snippet?: SnippetConfig | undefined;
}

const TIMEOUT_MS = 5000;
const MAX_BODY = '20kb';
// Browsers send text/plain without asking beforehand; what it holds is JSON all the same.
const SENT = { limit: MAX_BODY, type: () => true, reviver: wholeLetters };
/** A visitor for whom no number was free asks again after this. */
const RETRY_SECONDS = 60;
const MIN_ASK_AGAIN_SECONDS = 5;

export const snippetRequest = z.strictObject({ session: sessionSchema });
export const snippetAnswer = z.object({
  number: z.string().nullable().describe('What to show; null: leave the page as it is'),
  expiresInSeconds: z.number().describe('0 where it is the number of everybody'),
  askAgainSeconds: z.number().describe('When to ask again, as long as the page is seen: that extends the lease'),
  code: z.string().nullable().describe('The promo code of this visitor, where the site lends codes'),
  codeExpiresInSeconds: z.number().describe('0 where there is no code'),
});

/**
 * `/dni.js` and the one thing that it may ask: a number of its site for its visitor. The key stands in the page for
 * everybody to read; what it gives is bounded by the origin of the page, which browsers state truthfully, and by what one
 * address may ask and hold, which is for everything else.
 */
export function snippetRouter(desk: LeaseDesk, sites: () => readonly SiteWithSnippet[]): Router {
  const router = exactRouter();
  const limit = new RateLimit();
  // Of this process, so that nobody who reads Redis finds an address by trying all of them.
  const pepper = randomBytes(32);
  router.route('/dni.js').get(script()).all(methodNotAllowed);
  router
    .route('/dni/:key/leases')
    .all((req, res, next) => {
      const site = siteOf(req, sites());
      allowOrigin(req, res, site.snippet);
      (res.locals as Locals).site = site;
      next();
    })
    .post(refuseTooMany(limit), express.json(SENT), async (req, res) => {
      const { session } = readBody(req, snippetRequest);
      const { id, snippet } = (res.locals as Locals).site;
      res.setHeader('Cache-Control', 'no-store');
      // Crawlers run scripts too, and are a new visitor on each page: one that goes through a shop would hold its whole pool.
      if (isbot(req.get('User-Agent'))) {
        res.json(answer({ outcome: 'fallback', number: desk.turnAway(id), lease: null, promo: null }));
        return;
      }
      const asker = askerOf(req, snippet, pepper);
      const given = await withDeadline(desk.allocate({ site: id, session, asker }), TIMEOUT_MS, 'the pool');
      res.json(answer(given));
    })
    .all(methodNotAllowed);
  return router;
}

interface Locals {
  site: { id: string; snippet: SnippetConfig };
}

function askerOf(req: Request, { sharePerAddress: share }: SnippetConfig, pepper: Buffer): Asker | null {
  if (share === 1) return null;
  const id = createHmac('sha256', pepper)
    .update(sourceOf(req.ip ?? ''))
    .digest('base64url')
    .slice(0, 16);
  return { id, share };
}

/** Asked again at half of what was lent, so that one lost request costs nothing; soon where no number was free. */
function answer({ outcome, number, lease, promo }: Allocation): z.output<typeof snippetAnswer> {
  const [expiresInSeconds, codeExpiresInSeconds] = [secondsLeft(lease), secondsLeft(promo)];
  const half = (outcome === 'code' ? codeExpiresInSeconds : expiresInSeconds) / 2;
  return {
    number,
    expiresInSeconds,
    askAgainSeconds: outcome === 'fallback' ? RETRY_SECONDS : Math.max(MIN_ASK_AGAIN_SECONDS, half),
    code: promo && promo.code,
    codeExpiresInSeconds,
  };
}

const secondsLeft = (lent: { expiresAt: number } | null): number =>
  lent ? Math.max(0, Math.floor((lent.expiresAt - Date.now()) / 1000)) : 0;

/** Minified by the build, plain when run from the sources. Made once; an hour old is young enough for a page. */
function script(): RequestHandler {
  const plain = form(readFileSync(new URL('../snippet/dni.js', import.meta.url)));
  const zipped = form(gzipSync(plain.bytes));
  return (req, res) => {
    const isZipped = req.acceptsEncodings('gzip', 'identity') === 'gzip';
    const { bytes, etag } = isZipped ? zipped : plain;
    res.setHeader('Cache-Control', 'public, max-age=3600');
    res.setHeader('ETag', etag);
    res.vary('Accept-Encoding');
    // Pages of other origins are who it is for.
    res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    if (isZipped) res.setHeader('Content-Encoding', 'gzip');
    res.type('text/javascript').send(bytes);
  };
}

/** One address, two entities: each has a tag of its own (RFC 9110, 8.8.3.3). */
const form = (bytes: Buffer): { bytes: Buffer; etag: string } => {
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` };
};

function siteOf(req: Request, sites: readonly SiteWithSnippet[]): Locals['site'] {
  for (const { id, snippet } of sites) if (snippet && snippet.key === req.params['key']) return { id, snippet };
  throw new GatewayError('GW_ERR_NOT_FOUND', 'no site has this key');
}

function allowOrigin(req: Request, res: Response, { origins }: SnippetConfig): void {
  const origin = req.get('Origin');
  if (origin === undefined || !origins.some((allowed) => isAllowed(origin, allowed)))
    throw new GatewayError('GW_ERR_FORBIDDEN', 'this key is not for pages of this origin');
  res.setHeader('Access-Control-Allow-Origin', origin);
  // For who sends application/json: his browser asks beforehand, by OPTIONS.
  res.setHeader('Access-Control-Allow-Headers', 'Content-Type');
  res.setHeader('Access-Control-Max-Age', '86400');
  res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
  res.vary('Origin');
}

/** `https://*.shop.example` stands for every name below it, not for `https://shop.example` itself. */
function isAllowed(origin: string, allowed: string): boolean {
  const [scheme, domain] = allowed.split('*');
  if (domain === undefined) return origin === allowed;
  return origin.startsWith(scheme ?? '') && origin.endsWith(domain) && origin.length > allowed.length - 1;
}

function refuseTooMany(limit: RateLimit): RequestHandler {
  return (req, res, next) => {
    const { site } = res.locals as Locals;
    const seconds = limit.take(`${site.id} ${sourceOf(req.ip ?? '')}`, site.snippet.perAddress);
    if (seconds === 0) {
      next();
      return;
    }
    res.setHeader('Retry-After', String(seconds));
    sendProblem(res, problemOf('GW_ERR_TOO_MANY_REQUESTS', 'too many requests from this address'));
  };
}
