import { z } from 'zod';
import { exampleEvent } from '../../events/examples.js';
import { feedQuery } from '../query.js';
import { ok, type Operation } from './operation.js';

const event = z.looseObject({ id: z.string(), type: z.string(), timestamp: z.iso.datetime() });

export const eventOperations: Operation[] = [
  {
    method: 'get',
    path: '/v1/events',
    summary: 'Events in the order they happened',
    description:
      'The same bodies as the webhooks, to be pulled: to reconcile, or where nothing can be pushed. `next` is the `after` of the next request, for ever.',
    scope: 'events:read',
    query: feedQuery,
    answers: ok('A page', z.object({ events: z.array(event), next: z.string().nullable() }), {
      events: [exampleEvent('call.missed')],
      next: '1763719940405-0',
    }),
  },
];
