import { z } from 'zod';
import { callSchema } from '../../events/catalogue.js';
import { exampleEvent } from '../../events/examples.js';
import { pageQuery } from '../query.js';
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
    path: '/v1/calls/{id}',
    summary: 'One call, living or ended',
    scope: 'calls:read',
    parameters: { id: '`data.call.id` of its events' },
    answers: ok('The call as its last event told it', callSchema, call),
    errors: ['GW_ERR_NOT_FOUND'],
  },
];
