import { Router } from 'express';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { requireScope } from './auth.js';
import type { CallReader } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { readPage } from './query.js';

const READ_TIMEOUT_MS = 5000;

/** `/v1/calls`: the calls, newest first, and one of them. */
export function callsRouter(calls: CallReader): Router {
  const router = Router({ strict: true, caseSensitive: true });

  router
    .route('/')
    .get(requireScope('calls:read'), async (req, res) => {
      const { cursor, limit } = readPage(req, 'cursor');
      res.json(await withDeadline(calls.list(cursor, limit), READ_TIMEOUT_MS, 'listing calls'));
    })
    .all(methodNotAllowed('GET', 'HEAD'));

  router
    .route('/:id')
    .get(requireScope('calls:read'), async (req, res) => {
      const { id } = req.params;
      // Ids become parts of keys further down: nothing but an id may get there.
      const isId = typeof id === 'string' && /^[\w-]{1,64}$/.test(id);
      const call = isId ? await withDeadline(calls.get(id), READ_TIMEOUT_MS, 'reading a call') : null;
      if (!call) throw new GatewayError('GW_ERR_NOT_FOUND', 'there is no call with this id');
      res.json(call);
    })
    .all(methodNotAllowed('GET', 'HEAD'));

  return router;
}
