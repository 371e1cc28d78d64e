import type { Router } from 'express';
import { withDeadline } from '../lib/deadline.js';
import { requireScope } from './auth.js';
import type { HistoryIndexDesk } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5_000;

/** `/v1/calls/index`: what calls are searched by. */
export function historyIndexRouter(index: HistoryIndexDesk): Router {
  const router = exactRouter();
  router
    .route('/index')
    .get(requireScope('calls:read'), async (_req, res) => {
      res.json(await bounded(index.state()));
    })
    .all(methodNotAllowed);
  router
    .route('/index/rebuild')
    .post(requireScope('calls:write'), async (_req, res) => {
      await bounded(index.rebuild());
      res.status(202).json(await bounded(index.state()));
    })
    .all(methodNotAllowed);
  return router;
}

const bounded = <T>(work: Promise<T>): Promise<T> => withDeadline(work, TIMEOUT_MS, 'the index of the history');
