import type { Router } from 'express';
import { ConfigError } from '../config/errors.js';
import { withDeadline } from '../lib/deadline.js';
import { requireScope } from './auth.js';
import type { ConfigReloader } from './ports.js';
import { methodNotAllowed, problemOf, sendProblem } from './problem.js';
import { exactRouter } from './router.js';

/** A folder of files, and variables in files of their own. */
const TIMEOUT_MS = 10_000;

/** `/v1/config`: what SIGHUP does, for who sends no signals. */
export function configRouter(reloader: ConfigReloader): Router {
  const router = exactRouter();
  router
    .route('/reload')
    .post(requireScope('config:write'), async (_req, res) => {
      try {
        res.json(await withDeadline(reloader.reload(), TIMEOUT_MS, 'reloading the configuration'));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const errors = error.issues;
        sendProblem(res, problemOf('GW_ERR_CONFIG', 'nothing was changed; "errors" has what is wrong', { errors }));
      }
    })
    .all(methodNotAllowed);
  return router;
}
