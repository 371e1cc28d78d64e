import { z } from 'zod';
import { callSchema } from '../../events/catalogue.js';
import { exampleEvent } from '../../events/examples.js';
import { callExportQuery, liveQuery } from '../query.js';
import { archiveQuery, csvQuery, callQuery, missedQuery } from '../call-queries.js';
import { MAX_CSV_ROWS } from '../calls.js';
import { MISSED_STATES } from '../../history/query.js';
import { count, ok, time, type Operation } from './operation.js';

const { call } = exampleEvent('call.completed').data as { call: unknown };

const callPage = z.object({
  calls: z.array(callSchema),
  next: z.string().nullable(),
  approximateTotal: count.nullable(),
});
const missedPage = z.object({
  callers: z.array(
    z.object({
      call: callSchema.nullable().describe('The last of his lost calls; null where it has left the history'),
      callId: z.string(),
      site: z.string().nullable(),
      forCapacity: z.boolean(),
      attempts: count,
      firstAt: time,
      lastAt: time,
      state: z.enum(MISSED_STATES),
      waitingSeconds: count.describe('Since his first try: until now, or until it was settled'),
      settledAt: time.nullable(),
      settledBy: z.string().nullable().describe('The call of his in which he talked'),
      callback: callSchema.shape.handled
        .unwrap()
        .shape.callback.describe('The talk in which the business called him back (`POST /v1/callbacks`)'),
      tries: count.describe('How often he has been called in vain while he waits'),
      lastTryAt: time.nullable(),
      taken: z
        .object({ by: z.string(), until: time })
        .nullable()
        .describe('Who has said in the console that he is calling him back, and for how long that holds'),
    }),
  ),
  next: z.string().nullable(),
  waiting: count,
  waitingForCapacity: count,
});

const indexState = z
  .object({
    state: z.enum(['ready', 'rebuilding']),
    calls: count.nullable().describe('That there were when the rebuild began'),
    left: count.describe('Of them those that cannot be found yet'),
    since: time.nullable(),
  })
  .meta({ id: 'HistoryIndex' });

export const callOperations: Operation[] = [
  {
    method: 'get',
    path: '/v1/calls',
    summary: 'Calls that fit every filter given, the newest first',
    description:
      '`next` is the `cursor` of the page that follows, null after the last one; a page may have fewer calls than asked for, even none, while more follow. `approximateTotal` is null where counting would take too long. Calls are kept for `history.retention`.',
    scope: 'calls:read',
    query: callQuery,
    answers: ok('A page', callPage, { calls: [call], next: null, approximateTotal: 1 }),
  },
  {
    method: 'get',
    path: '/v1/calls.csv',
    summary: 'The same as a table (RFC 4180)',
    description: `${MAX_CSV_ROWS} rows at most. Cells that a spreadsheet would take for a formula begin with an apostrophe; numbers are without their plus. Gzip where \`Accept-Encoding\` says so.`,
    scope: 'calls:read',
    query: csvQuery,
    errors: ['GW_ERR_NOT_READY'],
    answers: { 200: { description: 'The rows, the newest first', type: 'text/csv' } },
  },
  {
    method: 'get',
    path: '/v1/calls/archive',
    summary: 'Calls of a day that have left the history, one JSON text a line',
    scope: 'calls:read',
    query: archiveQuery,
    answers: { 200: { description: 'NDJSON; empty where nothing was archived', type: 'application/x-ndjson' } },
  },
  {
    method: 'get',
    path: '/v1/calls/archive/days',
    summary: 'Days (UTC) on which calls began that have left the history, the oldest first',
    scope: 'calls:read',
    answers: ok('The days', z.object({ days: z.array(z.iso.date()) }), { days: ['2026-10-22'] }),
  },
  {
    method: 'get',
    path: '/v1/calls/index',
    summary: 'Whether the index by which calls are searched is whole',
    scope: 'calls:read',
    answers: ok('Its state', indexState, { state: 'ready', calls: null, left: 0, since: null }),
  },
  {
    method: 'post',
    path: '/v1/calls/index/rebuild',
    summary: 'Make that index anew from the calls',
    description:
      'Goes on by itself, the newest calls first, while calls are taken and searched. Changes nothing where it is under way.',
    scope: 'calls:write',
    answers: {
      202: {
        description: 'Begun, or under way already',
        schema: indexState,
        example: { state: 'rebuilding', calls: 120_000, left: 119_000, since: '2026-11-21T10:12:00.000Z' },
      },
    },
  },
  {
    method: 'get',
    path: '/v1/calls/missed',
    summary: 'Callers whom nobody answered: to be called back',
    description:
      'One entry for each caller and site. Lost for capacity first, then the latest first. A caller leaves the queue when he calls again and talks, when the business has called him back (`POST /v1/callbacks`), or when a call of his is marked as handled.',
    scope: 'calls:read',
    query: missedQuery,
    answers: ok('A page', missedPage),
  },
  {
    method: 'get',
    path: '/v1/calls/live',
    summary: 'What happens to calls, as it happens',
    description:
      'Server-sent events: `event` is the type, `data` the body as webhooks get it, `id` a cursor of `/v1/events`, which comes without an event too. With `Last-Event-ID` what was missed comes first; where that is gone, or is more than 10,000 events, an event `gap` (no `id`; `data` is JSON with `next`, the cursor to read `/v1/events` from, and where events are gone `gap` (`gone` or `unknown`), `lost`, `from` and `to`) says so, and the stream goes on with what happens now. Who reads too slowly is cut off and may come back with the last id. A key with `sites` hears of calls of these only; types that are not `call.*` or `recording.*` need `events:read` as well.',
    scope: 'calls:read',
    query: liveQuery,
    headers: { 'Last-Event-ID': 'The last `id` that was heard; browsers send it by themselves' },
    answers: { 200: { description: 'An endless stream', type: 'text/event-stream' } },
    errors: ['GW_ERR_TOO_MANY_LISTENERS'],
  },
  {
    method: 'get',
    path: '/v1/calls/export',
    summary: 'Every call that began in a time range, one JSON text a line',
    description:
      'The oldest first, calls in progress too. Sent as fast as it is read; gzip where `Accept-Encoding` says so.',
    scope: 'calls:read',
    query: callExportQuery,
    answers: { 200: { description: 'NDJSON', type: 'application/x-ndjson' } },
  },
  {
    method: 'get',
    path: '/v1/calls/{id}',
    summary: 'One call, living or ended',
    scope: 'calls:read',
    parameters: { id: '`data.call.id` of its events' },
    answers: ok('The call as its last event told it', callSchema, call),
    errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_CALL_ARCHIVED'],
  },
];
