import type { Router, Request } from 'express';
import { z } from 'zod';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { Allocation, LeaseDesk } from '../leases/desk.js';
import type { Lease } from '../leases/ports.js';
import { requireScope } from './auth.js';
import { methodNotAllowed } from './problem.js';
import { e164InQuery, page, readBody, readQuery } from './query.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5000;
/** Half of what an admission reads: a longer session would be passed over there. */
const MAX_SESSION_BYTES = 16_384;
const MAX_TEXT = 2_048;

/** Landing pages with all their parameters may be long: the rest of them says nothing more. */
const text = z
  .string()
  .transform((whole) => whole.slice(0, MAX_TEXT).toWellFormed())
  .nullable()
  .default(null);
const id = z.string().min(1).max(256);

const NO_UTM = { source: null, medium: null, campaign: null, content: null, term: null };

/** A visitor session as contracts section 3 has it; what is not known may be left out. */
export const sessionSchema = z
  .strictObject({
    id,
    visitorId: text,
    landingPage: text,
    referrer: text,
    utm: z
      .strictObject({ source: text, medium: text, campaign: text, content: text, term: text })
      .nullable()
      .prefault({})
      .transform((utm) => utm ?? NO_UTM),
    keyword: text,
    gclid: text,
    yclid: text,
    gaClientId: text,
    ymClientId: text,
  })
  .refine((session) => Buffer.byteLength(JSON.stringify(session)) <= MAX_SESSION_BYTES, {
    error: `at most ${MAX_SESSION_BYTES} bytes of JSON`,
  });

const leaseSeconds = z.int().min(1).optional();
export const leaseRequest = z.strictObject({ site: z.string().min(1).max(64), session: sessionSchema, leaseSeconds });
export const leaseExtension = z.strictObject({ leaseSeconds });
export const leaseSearch = z
  .strictObject({
    number: e164InQuery.optional(),
    site: z.string().min(1).max(64).optional(),
    session: id.optional(),
  })
  .refine(
    ({ number, site, session }) =>
      number === undefined ? site !== undefined && session !== undefined : !site && !session,
    { error: 'give "number", or "site" and "session"' },
  );

export const leaseListQuery = z.strictObject({ site: z.string().min(1).max(64), ...page });

/** `/v1/leases`: numbers lent to visitors. `docs/leases.md` tells how. */
export function leasesRouter(desk: LeaseDesk): Router {
  const router = exactRouter();
  router
    .route('/')
    .post(requireScope('leases:write'), async (req, res) => {
      const { site, session, leaseSeconds: seconds } = readBody(req, leaseRequest);
      const given = await bounded(desk.allocate({ site, session, lengthMs: inMs(seconds) }));
      res.status(given.outcome === 'lent' ? 201 : 200).json(allocationView(given));
    })
    .get(requireScope('leases:read'), async (req, res) => {
      const { number, site = '', session = '' } = readQuery(req, leaseSearch);
      const found = number === undefined ? desk.findBySession(site, session) : desk.findByNumber(number);
      const lease = await bounded(found);
      if (!lease) throw new GatewayError('GW_ERR_NOT_FOUND', 'no lease stands there now');
      res.json(leaseView(lease));
    })
    .all(methodNotAllowed);
  router
    .route('/standing')
    .get(requireScope('leases:read'), async (req, res) => {
      const { site, cursor = null, limit } = readQuery(req, leaseListQuery);
      const { leases, next } = await bounded(desk.list(site, cursor, limit));
      res.json({ leases: leases.map(leaseView), next });
    })
    .all(methodNotAllowed);
  router
    .route('/:id')
    .get(requireScope('leases:read'), async (req, res) => {
      res.json(leaseView(await bounded(desk.get(leaseIdOf(req)))));
    })
    .patch(requireScope('leases:write'), async (req, res) => {
      const { leaseSeconds: seconds } = readBody(req, leaseExtension);
      res.json(leaseView(await bounded(desk.extend(leaseIdOf(req), inMs(seconds)))));
    })
    .delete(requireScope('leases:write'), async (req, res) => {
      await bounded(desk.release(leaseIdOf(req)));
      res.status(204).end();
    })
    .all(methodNotAllowed);
  return router;
}

const bounded = <T>(work: Promise<T>): Promise<T> => withDeadline(work, TIMEOUT_MS, 'the pool');
const inMs = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1000);
const leaseIdOf = (req: Request): string => String(req.params['id']);

/** The answer to who asked for a number: whatever happens, `number` is what to show; null: leave the page as it is. */
function allocationView({ outcome, number, lease, promo }: Allocation) {
  const code = promo && { code: promo.code, expiresAt: new Date(promo.expiresAt).toISOString() };
  return { outcome, number, lease: lease && leaseView(lease), promo: code };
}

export function leaseView({ leaseId, number, site, leasedAt, expiresAt, session }: Lease) {
  return {
    id: leaseId,
    number,
    site,
    leasedAt: new Date(leasedAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
    session,
  };
}
