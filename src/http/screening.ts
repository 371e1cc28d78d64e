import type { Router, Request } from 'express';
import { z } from 'zod';
import { callerPattern } from '../config/schema.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { keyName, requireScope } from './auth.js';
import type { ScreeningEditor } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { readBody } from './query.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5000;

export const listedBody = z.strictObject({ list: z.enum(['allow', 'block'], '"allow" or "block"') });

/** `/v1/screening/{site}`: who is blocked, and who is never screened. */
export function screeningRouter(screening: ScreeningEditor): Router {
  const router = exactRouter();
  const within = <T>(work: Promise<T>): Promise<T> => withDeadline(work, TIMEOUT_MS, 'screening lists');
  router
    .route('/:site')
    .get(requireScope('screening:read'), async (req, res) => {
      res.json({ entries: await within(screening.entries(siteOf(req, screening))) });
    })
    .all(methodNotAllowed);
  router
    .route('/:site/:pattern')
    .put(requireScope('screening:write'), async (req, res) => {
      const site = siteOf(req, screening);
      const pattern = patternOf(req);
      const { list } = readBody(req, listedBody);
      res.json(await within(screening.set(site, pattern, list, keyName(res))));
    })
    .delete(requireScope('screening:write'), async (req, res) => {
      const site = siteOf(req, screening);
      if (!(await within(screening.remove(site, patternOf(req)))))
        throw new GatewayError('GW_ERR_NOT_FOUND', 'this is on no list of the site; the configuration has its own');
      res.status(204).end();
    })
    .all(methodNotAllowed);
  return router;
}

/** Whatever is none of the patterns is another field of what the lists are kept in. */
function patternOf(req: Request): string {
  const pattern = callerPattern.safeParse(req.params['pattern']);
  if (pattern.success) return pattern.data;
  throw new GatewayError('GW_ERR_BAD_REQUEST', 'the path must end with a number like "+79160000001" or "+7916*"');
}

function siteOf(req: Request, screening: ScreeningEditor): string {
  const site = req.params['site'];
  if (typeof site === 'string' && screening.hasSite(site)) return site;
  throw new GatewayError('GW_ERR_NOT_FOUND', 'there is no site with this id');
}
