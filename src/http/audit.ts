import type { Router } from 'express';
import { z } from 'zod';
import { withDeadline } from '../lib/deadline.js';
import type { AuditLog } from '../recordings/audit.js';
import { CALL_ID } from '../recordings/names.js';
import { requireScope, sitesOf } from './auth.js';
import { methodNotAllowed } from './problem.js';
import { page, readQuery } from './query.js';
import { exactRouter } from './router.js';

const READ_TIMEOUT_MS = 5000;

export const auditQuery = z.strictObject({ call: z.string().regex(CALL_ID, 'the id of a call').optional(), ...page });

/** `/v1/audit`: who heard, shared, held and deleted which recording, the newest first. */
export function auditRouter(audit: Pick<AuditLog, 'read'>): Router {
  const router = exactRouter();
  router
    .route('/')
    .get(requireScope('audit:read'), async (req, res) => {
      const { call = null, cursor = null, limit } = readQuery(req, auditQuery);
      const query = { call, cursor, limit, sites: sitesOf(res) };
      res.json(await withDeadline(audit.read(query), READ_TIMEOUT_MS, 'reading the audit log'));
    })
    .all(methodNotAllowed);
  return router;
}
