import type { Router, Request, Response } from 'express';
import { z } from 'zod';
import { correctionReason, noteText, tagName } from '../call/amendments.js';
import type { Call } from '../call/call.js';
import { withDeadline } from '../lib/deadline.js';
import { noSuchCall } from '../lib/errors.js';
import { isId } from '../lib/ids.js';
import { keyName, requireScope } from './auth.js';
import type { CallEditor } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { readBody } from './query.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5000;

export const tagBody = z.strictObject({ name: tagName });
export const handledBody = z.strictObject({ handled: z.boolean().default(true) });
export const noteBody = z.strictObject({ text: noteText });
export const attributionBody = z.strictObject({
  leaseId: z
    .string()
    .min(1)
    .max(256)
    .nullable()
    .describe("Of one of the number's holders up to the call; null: nobody's"),
  reason: correctionReason.default('corrected by an operator'),
});

export const promoBody = z.strictObject({ code: z.string().regex(/^\d{3,9}$/, 'the digits of a promo code') });

/** What people and their systems do with a call: tags, notes, "I have taken care of it", whose call it really was. */
export function callEditsRouter(calls: CallEditor): Router {
  const router = exactRouter();
  const allow = requireScope('calls:write');

  router
    .route('/:id/tags')
    .post(allow, async (req, res) => {
      const { name } = readBody(req, tagBody);
      await answer(res, calls.amend(idOf(req), { kind: 'tag', name }, keyName(res)));
    })
    .all(methodNotAllowed);
  router
    .route('/:id/tags/:name')
    .delete(allow, async (req, res) => {
      const name = req.params['name'];
      await answer(res, calls.amend(idOf(req), { kind: 'untag', name }, keyName(res)));
    })
    .all(methodNotAllowed);
  router
    .route('/:id/handled')
    .post(allow, async (req, res) => {
      const { handled } = readBody(req, handledBody);
      await answer(res, calls.amend(idOf(req), { kind: 'handled', handled }, keyName(res)));
    })
    .all(methodNotAllowed);
  router
    .route('/:id/notes')
    .post(allow, async (req, res) => {
      const { text } = readBody(req, noteBody);
      await answer(res, calls.amend(idOf(req), { kind: 'note', text }, keyName(res)));
    })
    .all(methodNotAllowed);
  router
    .route('/:id/attribution')
    .put(allow, async (req, res) => {
      const { leaseId, reason } = readBody(req, attributionBody);
      await answer(res, calls.correct(idOf(req), leaseId, reason, keyName(res)));
    })
    .all(methodNotAllowed);
  router
    .route('/:id/promo')
    .post(allow, async (req, res) => {
      const { code } = readBody(req, promoBody);
      await answer(res, calls.correctByCode(idOf(req), code, keyName(res)));
    })
    .all(methodNotAllowed);
  return router;
}

/** 202 where the gateway that has the call will do it: its event tells. */
async function answer(res: Response, work: Promise<Call | null>): Promise<void> {
  const call = await withDeadline(work, TIMEOUT_MS, 'changing a call');
  if (call) res.json(call);
  else res.status(202).json({ status: 'queued' });
}

function idOf(req: Request): string {
  const { id } = req.params;
  if (isId(id)) return id;
  throw noSuchCall();
}
