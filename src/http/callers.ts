import { Router } from 'express';
import { z } from 'zod';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { keyOf, requireScope } from './auth.js';
import type { CallerEraser } from './ports.js';
import { methodNotAllowed } from './problem.js';

/** Hundreds of calls with their recordings. */
const TIMEOUT_MS = 60_000;
const callerNumber = z.string().regex(/^\+[1-9]\d{4,14}$/);

/** `/v1/callers/{number}`: forgets a person (GDPR article 17, 152-FZ article 21). */
export function callersRouter(erase: CallerEraser): Router {
  const router = Router({ strict: true, caseSensitive: true });
  router
    .route('/:number')
    .delete(requireScope('callers:write'), async (req, res) => {
      const number = callerNumber.safeParse(req.params['number']);
      if (!number.success) throw new GatewayError('GW_ERR_BAD_REQUEST', 'a number in E.164, like "+79160000001"');
      res.json(await withDeadline(erase(number.data, keyOf(res)?.name ?? ''), TIMEOUT_MS, 'erasing a caller'));
    })
    .all(methodNotAllowed('DELETE'));
  return router;
}
