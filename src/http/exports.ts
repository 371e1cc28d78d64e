import type { Router } from 'express';
import type { Logger } from 'pino';
import { systemClock, type Clock } from '../lib/clock.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { isAmong } from '../lib/sites.js';
import { requireScope, sitesAsked } from './auth.js';
import { sendGap, wants } from './feed.js';
import type { CallReader, EventReader, ExportedCall, FeedPage } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { callExportQuery, demandOrder, demandPast, eventExportQuery, readQuery } from './query.js';
import { exactRouter } from './router.js';
import { NDJSON, sendLines } from './send-lines.js';

const PART = 200;
const READ_TIMEOUT_MS = 5_000;

const ALL_THAT_IS_KEPT = 'leave out "from" for all that is kept';

interface ExportOptions {
  logger: Logger;
  clock?: Clock;
}

/** `/v1/events/export`: every event of a time range, one JSON text a line; read and sent part by part. */
export function eventExportRouter(events: EventReader, options: ExportOptions): Router {
  const { logger, clock = systemClock } = options;
  const read = (cursor: string | null) => withDeadline(events.after(cursor, PART), READ_TIMEOUT_MS, 'reading events');
  const router = exactRouter();
  router
    .route('/export')
    .get(requireScope('events:read'), async (req, res) => {
      const { types, site, from = null, to = clock() } = readQuery(req, eventExportQuery);
      demandOrder(from, to);
      demandPast('from', from, clock());
      const fits = wants({ types, sites: sitesAsked(res, site) });
      // The first part comes before the head of the answer: what is wrong with the beginning is still told in full.
      const first = await read(from === null ? null : events.cursorAt(from));
      if (first.gap) sendGap(res, first.gap, ALL_THAT_IS_KEPT);
      else await sendLines(res, eventLines(first, to, fits, read), { type: NDJSON, logger });
    })
    .all(methodNotAllowed);
  return router;
}

async function* eventLines(
  first: FeedPage,
  to: number,
  fits: ReturnType<typeof wants>,
  read: (cursor: string) => Promise<FeedPage>,
): AsyncGenerator<string> {
  for (let page = first; ; page = await read(page.next)) {
    // Events that were trimmed away under a slow reader: better half an export that shows it than a whole one with a hole.
    if (page.gap) throw new GatewayError('GW_ERR_EVENTS_GONE', 'events of the range are no longer kept');
    const inRange = page.events.filter(({ at }) => at < to);
    const lines = inRange.filter(fits).map(({ body }) => `${body}\n`);
    if (lines.length > 0) yield lines.join('');
    if (page.complete || inRange.length < page.events.length) return;
  }
}

/** `/v1/calls/export`: every call that began in a time range, the oldest first. */
export function callExportRouter(calls: CallReader, options: ExportOptions): Router {
  const { logger, clock = systemClock } = options;
  const router = exactRouter();
  router
    .route('/export')
    .get(requireScope('calls:read'), async (req, res) => {
      const { site, from = 0, to = clock() } = readQuery(req, callExportQuery);
      demandOrder(from, to);
      const sites = sitesAsked(res, site);
      const isWanted = (of: string | null) => isAmong(sites, of);
      const read = (after: ExportedCall | null) =>
        withDeadline(calls.between(from, to, after, PART), READ_TIMEOUT_MS, 'reading calls');
      await sendLines(res, callLines(await read(null), isWanted, read), { type: NDJSON, logger });
    })
    .all(methodNotAllowed);
  return router;
}

async function* callLines(
  first: ExportedCall[],
  isWanted: (site: string | null) => boolean,
  read: (after: ExportedCall) => Promise<ExportedCall[]>,
): AsyncGenerator<string> {
  for (let part = first; ;) {
    const wanted = part.filter(({ doc }) => doc !== '' && isWanted(siteOf(doc)));
    if (wanted.length > 0) yield wanted.map(({ doc }) => `${doc}\n`).join('');
    const last = part.at(-1);
    if (last === undefined || part.length < PART) return;
    part = await read(last);
  }
}

const siteOf = (doc: string): string | null => (JSON.parse(doc) as { site: string | null }).site;
