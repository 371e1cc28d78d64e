import { Router } from 'express';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { AuditLog } from '../recordings/audit.js';
import { CALL_ID } from '../recordings/names.js';
import { requireScope, sitesOf } from './auth.js';
import { methodNotAllowed } from './problem.js';
import { readPage } from './query.js';

const READ_TIMEOUT_MS = 5000;

/** `/v1/audit`: who heard, shared, held and deleted which recording, the newest first. */
export function auditRouter(audit: Pick<AuditLog, 'read'>): Router {
  const router = Router({ strict: true, caseSensitive: true });
  router
    .route('/')
    .get(requireScope('audit:read'), async (req, res) => {
      const { call = null } = req.query;
      if (call !== null && (typeof call !== 'string' || !CALL_ID.test(call)))
        throw new GatewayError('GW_ERR_BAD_REQUEST', '"call" must be the id of a call');
      const query = { ...readPage(req, 'cursor'), call, sites: sitesOf(res) };
      res.json(await withDeadline(audit.read(query), READ_TIMEOUT_MS, 'reading the audit log'));
    })
    .all(methodNotAllowed('GET', 'HEAD'));
  return router;
}
