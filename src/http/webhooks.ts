import type { Router, Request, Response } from 'express';
import { z } from 'zod';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { WebhookDesk } from '../webhooks/desk.js';
import { requireScope } from './auth.js';
import { methodNotAllowed } from './problem.js';
import { demandOrder, moment, readBody, readQuery, wholeNumber } from './query.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 10_000;
/** A test waits for the receiver as long as a delivery does. */
const TEST_TIMEOUT_MS = 20_000;
const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;

const cursor = z.string().regex(/^[1-9]\d{0,14}-\d{1,10}$/, 'a cursor as given in "next"');
export const deliverySearch = z
  .strictObject({
    call: z.string().min(1).max(128).optional(),
    event: z.string().min(1).max(64).optional(),
    outcome: z.enum(['delivered', 'retry', 'dead']).optional(),
    status: wholeNumber(1, 599).optional(),
    from: moment.optional(),
    to: moment.optional().describe('Exclusive'),
    before: cursor.optional(),
    limit: wholeNumber(1, MAX_LIMIT).optional().describe(`${DEFAULT_LIMIT} when left out`),
  })
  .refine(({ call, before, limit }) => call === undefined || (before === undefined && limit === undefined), {
    error: 'the deliveries of a call come all at once: give "call", or "before" and "limit"',
  });

export const deadReplay = z.strictObject({ dead: z.literal(true, 'true'), after: cursor.nullable().default(null) });
export const rangeReplay = z.strictObject({
  from: moment,
  to: moment.describe('Exclusive'),
  after: cursor.nullable().default(null),
});

/** `/v1/webhooks`: receivers, what was sent to them, and sending it again. `docs/webhooks.md` tells how. */
export function webhooksRouter(desk: WebhookDesk): Router {
  const router = exactRouter();
  const [read, write] = [requireScope('webhooks:read'), requireScope('webhooks:write')];
  router
    .route('/')
    .get(read, async (_req, res) => {
      res.json({ webhooks: await within(desk.list()) });
    })
    .all(methodNotAllowed);
  router
    .route('/:id')
    .get(read, async (req, res) => {
      const found = await within(desk.list());
      res.json(known(found.find(({ id }) => id === req.params['id'])));
    })
    .all(methodNotAllowed);
  router
    .route('/:id/deliveries')
    .get(read, (req, res) => listDeliveries(desk, req, res))
    .all(methodNotAllowed);
  addRepeating(router, desk, write);
  addSwitches(router, desk, write);
  return router;
}

async function listDeliveries(desk: WebhookDesk, req: Request<{ id: string }>, res: Response): Promise<void> {
  const { call, before = null, limit = DEFAULT_LIMIT, ...asked } = readQuery(req, deliverySearch);
  const { event: eventId = null, outcome = null, status = null, from = null, to = null } = asked;
  demandOrder(from, to);
  const wanted = { eventId, outcome, status, from, to };
  const { id } = req.params;
  const { attempts, next } =
    call === undefined
      ? known(await within(desk.attempts(id, { ...wanted, before, limit })))
      : { attempts: known(await within(desk.ofCall(id, call, wanted))), next: null };
  res.json({ deliveries: attempts, next });
}

type Guard = ReturnType<typeof requireScope>;

function addRepeating(router: Router, desk: WebhookDesk, write: Guard): void {
  router
    .route('/:id/deliveries/:eventId/replay')
    .post(write, async (req, res) => {
      const { id, eventId } = req.params;
      const replayed = await within(desk.replay(id, eventId));
      res.status(202).json(known(replayed, 'this webhook has no such event'));
    })
    .all(methodNotAllowed);
  router
    .route('/:id/replay')
    .post(write, async (req, res) => {
      res.status(202).json(known(await within(replayAsked(desk, req.params.id, req.body))));
    })
    .all(methodNotAllowed);
}

function replayAsked(desk: WebhookDesk, id: string, body: unknown) {
  // Not a union of both: what is wrong with one of them says nothing to who meant the other.
  if (typeof body === 'object' && body !== null && 'dead' in body) {
    return desk.replayDead(id, readBody({ body }, deadReplay).after);
  }
  const { from, to, after } = readBody({ body }, rangeReplay);
  demandOrder(from, to);
  return desk.replayRange(id, from, to, after);
}

function addSwitches(router: Router, desk: WebhookDesk, write: Guard): void {
  router
    .route('/:id/test')
    .post(write, async (req, res) => {
      res.json(known(await withDeadline(desk.test(req.params.id), TEST_TIMEOUT_MS, 'testing a webhook')));
    })
    .all(methodNotAllowed);
  for (const what of ['enable', 'disable'] as const) {
    router
      .route(`/:id/${what}`)
      .post(write, async (req, res) => {
        const id = req.params.id;
        const changed = known(await within(desk.switch(id, what === 'enable')));
        res.json({ id, enabled: what === 'enable', changed });
      })
      .all(methodNotAllowed);
  }
}

const within = <T>(work: Promise<T>): Promise<T> => withDeadline(work, TIMEOUT_MS, 'asking about webhooks');

function known<T>(found: T | null | undefined, otherwise = 'there is no webhook with this id'): T {
  if (found === null || found === undefined) throw new GatewayError('GW_ERR_NOT_FOUND', otherwise);
  return found;
}
