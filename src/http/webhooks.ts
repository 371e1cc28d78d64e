import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { WebhookDesk } from '../webhooks/desk.js';
import { requireScope } from './auth.js';
import { methodNotAllowed } from './problem.js';
import { readBody, readQuery } from './query.js';

const TIMEOUT_MS = 10_000;
/** A test waits for the receiver as long as a delivery does. */
const TEST_TIMEOUT_MS = 20_000;
const MAX_LIMIT = 200;

const when = z.iso
  .datetime({ offset: true, error: 'a time like "2026-11-21T10:00:00Z"' })
  .transform((text) => Date.parse(text));
const cursor = z.string().regex(/^\d{1,15}-\d{1,10}$/, 'a cursor as given in "next"');
const digits = (most: number) =>
  z
    .string()
    .regex(/^\d{1,4}$/, `a whole number from 1 to ${most}`)
    .transform(Number)
    .pipe(z.number().min(1).max(most));

export const deliverySearch = z
  .strictObject({
    call: z.string().min(1).max(128).optional(),
    event: z.string().min(1).max(64).optional(),
    outcome: z.enum(['delivered', 'retry', 'dead']).optional(),
    status: digits(599).optional(),
    from: when.optional(),
    to: when.optional(),
    before: cursor.optional(),
    limit: digits(MAX_LIMIT).default(50),
  })
  .refine(({ call, before }) => call === undefined || before === undefined, {
    error: 'the deliveries of a call come all at once: give "call" or "before"',
  });

const replayRequest = z.union([
  z.strictObject({ dead: z.literal(true) }),
  z.strictObject({ from: when, to: when, after: cursor.nullable().optional() }),
]);

/** `/v1/webhooks`: receivers, what was sent to them, and sending it again. `docs/webhooks.md` tells how. */
export function webhooksRouter(desk: WebhookDesk): Router {
  const router = Router({ strict: true, caseSensitive: true });
  const [read, write] = [requireScope('webhooks:read'), requireScope('webhooks:write')];
  router
    .route('/')
    .get(read, async (_req, res) => {
      res.json({ webhooks: await within(desk.list()) });
    })
    .all(methodNotAllowed('GET', 'HEAD'));
  router
    .route('/:id')
    .get(read, async (req, res) => {
      const found = await within(desk.list());
      res.json(known(found.find(({ id }) => id === req.params['id'])));
    })
    .all(methodNotAllowed('GET', 'HEAD'));
  router
    .route('/:id/deliveries')
    .get(read, (req, res) => listDeliveries(desk, req, res))
    .all(methodNotAllowed('GET', 'HEAD'));
  addRepeating(router, desk, write);
  addSwitches(router, desk, write);
  return router;
}

async function listDeliveries(desk: WebhookDesk, req: Request<{ id: string }>, res: Response): Promise<void> {
  const {
    call,
    event,
    outcome = null,
    status = null,
    from = null,
    to = null,
    before = null,
    limit,
  } = readQuery(req as Request, deliverySearch);
  const { id } = req.params;
  if (call !== undefined) {
    const deliveries = known(await within(desk.ofCall(id, call)));
    const fitting = deliveries.filter(
      (one) => (outcome === null || one.outcome === outcome) && (status === null || one.status === status),
    );
    res.json({ deliveries: fitting, next: null });
    return;
  }
  const query = { before, from, to, outcome, status, eventId: event ?? null, limit };
  const { attempts, next } = known(await within(desk.attempts(id, query)));
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
    .all(methodNotAllowed('POST'));
  router
    .route('/:id/replay')
    .post(write, async (req, res) => {
      const body = readBody(req, replayRequest);
      const id = req.params.id;
      const replayed =
        'dead' in body ? desk.replayDead(id) : desk.replayRange(id, body.from, body.to, body.after ?? null);
      res.status(202).json(known(await within(replayed)));
    })
    .all(methodNotAllowed('POST'));
}

function addSwitches(router: Router, desk: WebhookDesk, write: Guard): void {
  router
    .route('/:id/test')
    .post(write, async (req, res) => {
      res.json(known(await withDeadline(desk.test(req.params.id), TEST_TIMEOUT_MS, 'testing a webhook')));
    })
    .all(methodNotAllowed('POST'));
  for (const what of ['enable', 'disable'] as const) {
    router
      .route(`/:id/${what}`)
      .post(write, async (req, res) => {
        const id = req.params.id;
        const changed = known(await within(desk.switch(id, what === 'enable')));
        res.json({ id, enabled: what === 'enable', changed });
      })
      .all(methodNotAllowed('POST'));
  }
}

const within = <T>(work: Promise<T>): Promise<T> => withDeadline(work, TIMEOUT_MS, 'asking about webhooks');

function known<T>(found: T | null | undefined, otherwise = 'there is no webhook with this id'): T {
  if (found === null || found === undefined) throw new GatewayError('GW_ERR_NOT_FOUND', otherwise);
  return found;
}
