import { z } from 'zod';
import { exampleEvent } from '../../events/examples.js';
import { eventExportQuery, feedQuery } from '../query.js';
import { ok, type Operation } from './operation.js';

const event = z.looseObject({ id: z.string(), type: z.string(), timestamp: z.iso.datetime() });

export const eventOperations: Operation[] = [
  {
    method: 'get',
    path: '/v1/events',
    summary: 'Events in the order they happened',
    description:
      'The same bodies as the webhooks, to be pulled: to reconcile, or where nothing can be pushed. `next` is the `after` of the next request, for ever; it comes with an empty page too. A cursor that is older than what is kept is answered 410 with `lost` (how many events, of which time) and `next` (where to go on); one that Redis no longer knows, 409 with `next`.',
    scope: 'events:read',
    query: feedQuery,
    answers: ok('A page', z.object({ events: z.array(event), next: z.string() }), {
      events: [exampleEvent('call.missed')],
      next: '1763719940405-0.48213.9f86d081',
    }),
    errors: ['GW_ERR_EVENTS_GONE', 'GW_ERR_CURSOR_UNKNOWN', 'GW_ERR_TOO_MANY_LISTENERS'],
  },
  {
    method: 'get',
    path: '/v1/events/export',
    summary: 'Every event of a time range, one JSON text a line',
    description:
      'Sent as fast as it is read; gzip where `Accept-Encoding` says so. An export that breaks ends without its last chunk.',
    scope: 'events:read',
    query: eventExportQuery,
    answers: { 200: { description: 'NDJSON', type: 'application/x-ndjson' } },
    errors: ['GW_ERR_EVENTS_GONE', 'GW_ERR_CURSOR_UNKNOWN'],
  },
];
