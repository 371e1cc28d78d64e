import type { Router, Response } from 'express';
import type { Logger } from 'pino';
import type { CallHistory, CallPage, CallQuery } from '../history/query.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError, noSuchCall } from '../lib/errors.js';
import { daysOf, isId } from '../lib/ids.js';
import { maySee, requireScope, sitesAsked } from './auth.js';
import { readCallExport, readCallQuery, readMissedQuery } from './call-queries.js';
import { CSV_FOR_PROGRAMS, csvHead, csvOfCall, type CallColumn, type CsvManner } from './csv.js';
import type { ArchiveReader, CallReader } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { exactRouter } from './router.js';
import { sendLines } from './send-lines.js';

const READ_TIMEOUT_MS = 5000;
/** What a spreadsheet still opens. */
export const MAX_CSV_ROWS = 100_000;
const CSV = 'text/csv; charset=utf-8; header=present';
const CSV_PAGE = 200;

/** `/v1/calls`: the calls, newest first, those that nobody answered, and one of them. */
export function callsRouter(calls: CallReader, history: CallHistory, archive: ArchiveReader): Router {
  const router = exactRouter();

  router
    .route('/')
    .get(requireScope('calls:read'), async (req, res) => {
      const { site, query } = readCallQuery(req);
      const page = history.search({ ...query, sites: sitesAsked(res, site) });
      res.json(await withDeadline(page, READ_TIMEOUT_MS, 'searching calls'));
    })
    .all(methodNotAllowed);

  router
    .route('/missed')
    .get(requireScope('calls:read'), async (req, res) => {
      const { site, query } = readMissedQuery(req);
      const page = history.missedQueue({ ...query, sites: sitesAsked(res, site) });
      res.json(await withDeadline(page, READ_TIMEOUT_MS, 'listing missed callers'));
    })
    .all(methodNotAllowed);

  router
    .route('/:id')
    .get(requireScope('calls:read'), async (req, res) => {
      const { id } = req.params;
      const call = isId(id) ? await withDeadline(calls.get(id), READ_TIMEOUT_MS, 'reading a call') : null;
      if (!call || !maySee(res, call.site)) throw call ? noSuchCall() : await whereElse(archive, id);
      res.json(call);
    })
    .all(methodNotAllowed);

  return router;
}

/** `/v1/calls.csv`: the same search as a table, sent as fast as the client reads. */
export function callsCsvRouter(history: CallHistory, logger: Logger): Router {
  const router = exactRouter();
  router
    .route('/')
    .get(requireScope('calls:read'), async (req, res) => {
      const { site, query, columns } = readCallExport(req);
      const asked = { ...query, sites: sitesAsked(res, site) };
      await sendCallsCsv(res, { history, query: asked, columns, manner: CSV_FOR_PROGRAMS, logger });
    })
    .all(methodNotAllowed);
  return router;
}

export interface CallsCsv {
  history: CallHistory;
  query: Omit<CallQuery, 'cursor' | 'limit'>;
  columns: readonly CallColumn[];
  manner: CsvManner;
  logger: Logger;
}

/** What a search finds as a table, read page by page: a large one takes time, not memory. */
export async function sendCallsCsv(res: Response, table: CallsCsv): Promise<void> {
  const { history, query, logger } = table;
  const generation = await withDeadline(history.generation(), READ_TIMEOUT_MS, 'looking at the index');
  const read = (cursor: string | null) =>
    withDeadline(
      readWhole(history, { ...query, cursor, limit: CSV_PAGE }, generation),
      READ_TIMEOUT_MS,
      'searching calls',
    );
  // The first page comes before the head of the answer: what is wrong with the beginning is still told in full.
  const first = await read(null);
  await sendLines(res, csvRows(first, table, read), { type: CSV, file: 'calls.csv', logger });
}

/** Rejects where the index was being rebuilt, or is another one than before: a table that lacks calls looks like a whole one. */
async function readWhole(history: CallHistory, query: CallQuery, generation: string | null): Promise<CallPage> {
  const page = await history.search(query);
  if (generation !== null && (await history.generation()) === generation) return page;
  throw new GatewayError('GW_ERR_NOT_READY', 'the index of the history is being rebuilt: GET /v1/calls/index');
}

async function* csvRows(
  first: CallPage,
  { columns, manner }: Pick<CallsCsv, 'columns' | 'manner'>,
  read: (cursor: CallQuery['cursor'] & string) => Promise<CallPage>,
): AsyncGenerator<string> {
  yield csvHead(columns, manner);
  let rows = 0;
  for (let page = first; ; page = await read(page.next)) {
    const calls = page.calls.slice(0, MAX_CSV_ROWS - rows);
    rows += calls.length;
    if (calls.length > 0) yield calls.map((call) => csvOfCall(call, columns, manner)).join('');
    if (page.next === null || rows >= MAX_CSV_ROWS) return;
  }
}

/** An id tells the time (UUIDv7): where calls of its day have left the history, this one may be among them. */
export async function whereElse(archive: Pick<ArchiveReader, 'has'>, id: string): Promise<GatewayError> {
  for (const day of daysOf(id)) {
    // While the store is away nobody is told more than that the call is not here.
    const left = await withDeadline(archive.has(day), READ_TIMEOUT_MS, 'looking into the archive').catch(() => false);
    const where = `calls of ${day} are in the archive: GET /v1/calls/archive?day=${day}, or "calltrack archive"`;
    if (left) return new GatewayError('GW_ERR_CALL_ARCHIVED', `the history has no call with this id; ${where}`);
  }
  return noSuchCall();
}
