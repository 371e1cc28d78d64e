import type { Router, Request, Response } from 'express';
import { z } from 'zod';
import type { Drainable } from '../call/ports.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { requireScope } from './auth.js';
import type { ResourceReader } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { moment, readBody, readQuery } from './query.js';
import { readTimeZone } from './report-query.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5000;

type Sites = () => readonly { timezone: string }[];
const KINDS = { trunks: 'trunk', lines: 'line', destinations: 'destination' } as const;
type Listed = keyof typeof KINDS;

/** `/v1/trunks`, `/v1/lines`, `/v1/destinations`: state, channels in use, limit, today's peak, and out of service or back. */
export function listRouter(what: Listed, resources: ResourceReader, sites: Sites): Router {
  const router = exactRouter();
  const read = async (req: Request): Promise<{ timezone: string; found: { id: string }[] }> => {
    const timezone = readTimeZone(req, sites());
    return {
      timezone,
      found: await withDeadline<{ id: string }[]>(resources[what](timezone), TIMEOUT_MS, `reading ${what}`),
    };
  };
  router
    .route('/')
    .get(requireScope('trunks:read'), async (req, res) => {
      const { timezone, found } = await read(req);
      res.json({ timezone, [what]: found });
    })
    .all(methodNotAllowed);
  router
    .route('/:id')
    .get(requireScope('trunks:read'), async (req, res) => {
      const { found } = await read(req);
      const one = found.find(({ id }) => id === req.params['id']);
      if (!one) throw new GatewayError('GW_ERR_NOT_FOUND', `there is none of the ${what} with this id`);
      res.json(one);
    })
    .all(methodNotAllowed);
  addDrain(router, resources, KINDS[what]);
  return router;
}

export const drainBody = z.strictObject({ draining: z.boolean('true or false') });

function addDrain(router: Router, resources: ResourceReader, kind: Drainable): void {
  const drain = async (id: string, on: boolean, res: Response) => {
    if (!(await withDeadline(resources.drain(kind, id, on), TIMEOUT_MS, `draining a ${kind}`)))
      throw new GatewayError('GW_ERR_NOT_FOUND', `there is no ${kind} with this id`);
    res.json({ id, draining: on });
  };
  router
    .route('/:id/drain')
    .put(requireScope('trunks:write'), async (req, res) => {
      await drain(req.params['id'], readBody(req, drainBody).draining, res);
    })
    .delete(requireScope('trunks:write'), (req, res) => drain(req.params['id'], false, res))
    .all(methodNotAllowed);
}

export const explainQuery = z.strictObject({
  number: z
    .string()
    .trim()
    .regex(/^\+?[1-9]\d{4,14}$/, 'a number in E.164, like "+74951111111"'),
  at: moment.optional(),
});

/** `/v1/routes/explain`: what would happen to a call now, or at another time, and why. */
export function routesRouter(resources: ResourceReader): Router {
  const router = exactRouter();
  router
    .route('/explain')
    .get(requireScope('trunks:read'), async (req, res) => {
      const { number, at = Date.now() } = readQuery(req, explainQuery);
      // A plus that was not encoded comes as a space or not at all.
      const e164 = number.startsWith('+') ? number : `+${number}`;
      res.json(await withDeadline(resources.explain(e164, at), TIMEOUT_MS, 'explaining a route'));
    })
    .all(methodNotAllowed);
  return router;
}
