import { z } from 'zod';
import { callSchema } from '../../events/catalogue.js';
import { exampleEvent } from '../../events/examples.js';
import { callExportQuery, liveQuery, pageQuery } from '../query.js';
import { ok, type Operation } from './operation.js';

const { call } = exampleEvent('call.completed').data as { call: unknown };

export const callOperations: Operation[] = [
  {
    method: 'get',
    path: '/v1/calls',
    summary: 'Calls, the newest first',
    description:
      '`next` is the `cursor` of the page that follows, null after the last one. Calls are kept for 30 days.',
    scope: 'calls:read',
    query: pageQuery('cursor'),
    answers: ok('A page', z.object({ calls: z.array(callSchema), next: z.string().nullable() }), {
      calls: [call],
      next: null,
    }),
  },
  {
    method: 'get',
    path: '/v1/calls/live',
    summary: 'What happens to calls, as it happens',
    description:
      'Server-sent events: `event` is the type, `data` the body as webhooks get it, `id` a cursor of `/v1/events`. With `Last-Event-ID` what was missed comes first; where that is gone, an event `gap` says what and where to go on. Who reads too slowly is cut off and may come back with the last id.',
    scope: 'calls:read',
    query: liveQuery,
    headers: { 'Last-Event-ID': 'The last `id` that was heard; browsers send it by themselves' },
    answers: { 200: { description: 'An endless stream', type: 'text/event-stream', schema: z.string() } },
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
    answers: { 200: { description: 'NDJSON', type: 'application/x-ndjson', schema: z.string() } },
  },
  {
    method: 'get',
    path: '/v1/calls/{id}',
    summary: 'One call, living or ended',
    scope: 'calls:read',
    parameters: { id: '`data.call.id` of its events' },
    answers: ok('The call as its last event told it', callSchema, call),
    errors: ['GW_ERR_NOT_FOUND'],
  },
];
