import type { Router } from 'express';
import { z } from 'zod';
import { textLine } from '../call/amendments.js';
import { withDeadline } from '../lib/deadline.js';
import { keyName, requireScope, sitesAsked } from './auth.js';
import type { CallbackDesk } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { configId, demandPast, moment, readBody } from './query.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5_000;
const MAX_TALK_SECONDS = 86_400;

const word = textLine(64);

export const callbackBody = z.strictObject({
  number: z.string().min(3).max(40).describe('Whom the business dialled, in any notation'),
  site: configId.optional().describe('Every site that the key sees when left out'),
  at: moment.optional().describe('When he was dialled; when left out, the call back has just ended'),
  talkSeconds: z.number().min(0).max(MAX_TALK_SECONDS).describe('Less than 1: nobody answered'),
  line: word.optional().describe('The phone of the business'),
  by: word.optional().describe('The person; the name of the key when left out'),
});

/** `/v1/callbacks`: the business's own PBX or CRM tells whom it has called back. */
export function callbacksRouter(desk: CallbackDesk, now: () => number = Date.now): Router {
  const router = exactRouter();
  router
    .route('/')
    .post(requireScope('callbacks:write'), async (req, res) => {
      const { number, site = null, at: dialled, talkSeconds, line = null, by } = readBody(req, callbackBody);
      const at = dialled ?? now() - talkSeconds * 1000;
      demandPast('at', at, now());
      const told = { number, sites: sitesAsked(res, site), at, talkSeconds, line, by: by ?? keyName(res) };
      res.json(await withDeadline(desk.report(told), TIMEOUT_MS, 'noting a call back'));
    })
    .all(methodNotAllowed);
  return router;
}
