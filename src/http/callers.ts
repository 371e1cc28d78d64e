import type { Router } from 'express';
import { e164 } from '../config/words.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { isId } from '../lib/ids.js';
import { keyName, requireScope } from './auth.js';
import { ERASURE_TIMEOUT_MS, type CallerEraser } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { exactRouter } from './router.js';

const READ_TIMEOUT_MS = 5_000;

/** `/v1/callers/{number}`: forgets a person (GDPR article 17, 152-FZ article 21). */
export function callersRouter(eraser: CallerEraser): Router {
  const router = exactRouter();
  router
    .route('/:number')
    .delete(requireScope('callers:write'), async (req, res) => {
      const number = e164.safeParse(req.params['number']);
      if (!number.success) throw new GatewayError('GW_ERR_BAD_REQUEST', 'a number in E.164, like "+79160000001"');
      const erasing = eraser.erase(number.data, keyName(res), req.ip ?? null);
      const proof = await withDeadline(erasing, ERASURE_TIMEOUT_MS, 'erasing a caller');
      res.status(proof.archive === 'done' ? 200 : 202).json(proof);
    })
    .all(methodNotAllowed);
  router
    .route('/erasures/:id')
    .get(requireScope('callers:write'), async (req, res) => {
      const { id } = req.params;
      const erasure = isId(id) ? await withDeadline(eraser.archived(id), READ_TIMEOUT_MS, 'reading an erasure') : null;
      if (!erasure) throw new GatewayError('GW_ERR_NOT_FOUND', 'there is no erasure with this id');
      res.json(erasure);
    })
    .all(methodNotAllowed);
  return router;
}
