import type { Router } from 'express';
import type { Logger } from 'pino';
import type { Call } from '../call/call.js';
import { withDeadline } from '../lib/deadline.js';
import { maySee, requireScope } from './auth.js';
import { archiveQuery } from './call-queries.js';
import type { ArchiveReader } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { readQuery } from './query.js';
import { exactRouter } from './router.js';
import { NDJSON, sendLines } from './send-lines.js';

/** A listing of folders for each month. */
const DAYS_TIMEOUT_MS = 20_000;
/** Of somebody who called seldom it stands behind many of others. */
const FIRST_TIMEOUT_MS = 60_000;

/** `/v1/calls/archive`: calls that have left the history. */
export function archiveRouter(archive: ArchiveReader, logger: Logger): Router {
  const router = exactRouter();
  router
    .route('/archive')
    .get(requireScope('calls:read'), async (req, res) => {
      const { day, caller = null } = readQuery(req, archiveQuery);
      const lines = visibleLines(archive.day(day, caller), (site) => maySee(res, site));
      // It comes before the head of the answer: of a store that is away, or a key that is missing, he is still told.
      const first = await withDeadline(lines.next(), FIRST_TIMEOUT_MS, 'reading the archive');
      await sendLines(res, beginningWith(first, lines), { type: NDJSON, file: `calls-${day}.ndjson`, logger });
    })
    .all(methodNotAllowed);
  router
    .route('/archive/days')
    .get(requireScope('calls:read'), async (_req, res) => {
      res.json({ days: await withDeadline(archive.days(), DAYS_TIMEOUT_MS, 'listing the archive') });
    })
    .all(methodNotAllowed);
  return router;
}

async function* visibleLines(
  calls: AsyncIterable<string>,
  visible: (site: string | null) => boolean,
): AsyncGenerator<string> {
  for await (const call of calls) if (visible((JSON.parse(call) as Call).site)) yield `${call}\n`;
}

async function* beginningWith(first: IteratorResult<string>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
