import type { Router } from 'express';
import type { MetricsPage, Readiness } from './ports.js';
import { methodNotAllowed, problemOf, sendProblem } from './problem.js';
import { exactRouter } from './router.js';

/** For orchestrators and Prometheus, without a key: `/healthz`, `/readyz`, `/metrics`. */
export function healthRouter(readiness: () => Readiness, metrics: MetricsPage): Router {
  const router = exactRouter();

  // Alive is who can answer. What is broken outside is no reason to be killed in the middle of calls.
  router
    .route('/healthz')
    .get((_req, res) => {
      res.json({ status: 'ok' });
    })
    .all(methodNotAllowed);

  router
    .route('/readyz')
    .get((_req, res) => {
      const { ready, checks } = readiness();
      if (ready) res.json({ ready, checks });
      else {
        const failed = Object.entries(checks).filter(([, check]) => !check.ok);
        const detail = failed.map(([name, check]) => (check.detail ? `${name}: ${check.detail}` : name)).join('; ');
        sendProblem(res, problemOf('GW_ERR_NOT_READY', detail, { ready, checks }));
      }
    })
    .all(methodNotAllowed);

  router
    .route('/metrics')
    .get(async (_req, res) => {
      const page = await metrics.render();
      res.setHeader('Content-Type', metrics.contentType);
      res.end(page);
    })
    .all(methodNotAllowed);

  return router;
}
