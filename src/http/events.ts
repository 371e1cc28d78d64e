import { Router } from 'express';
import { withDeadline } from '../lib/deadline.js';
import { requireScope } from './auth.js';
import type { EventReader } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { readFeed } from './query.js';

const READ_TIMEOUT_MS = 5000;

/**
 * `/v1/events`: the same events as the webhooks, to be pulled: to reconcile, or where nothing can be pushed.
 * `next` always holds the cursor to go on from, so that a reader asks with it again and again; `since` begins at a time.
 */
export function eventsRouter(events: EventReader): Router {
  const router = Router({ strict: true, caseSensitive: true });
  router
    .route('/')
    .get(requireScope('events:read'), async (req, res) => {
      const { cursor: given, limit, since } = readFeed(req);
      const cursor = since === null ? given : events.cursorAt(since);
      const page = await withDeadline(events.after(cursor, limit), READ_TIMEOUT_MS, 'reading events');
      const next = page.events.at(-1)?.cursor ?? cursor;
      // The bodies are JSON already and go out byte for byte, as the webhooks sent them.
      const bodies = page.events.map((event) => event.body).join(',');
      res.type('json').send(`{"events":[${bodies}],"next":${JSON.stringify(next)}}`);
    })
    .all(methodNotAllowed('GET', 'HEAD'));
  return router;
}
