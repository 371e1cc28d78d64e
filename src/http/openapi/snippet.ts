import { snippetAnswer, snippetRequest } from '../snippet.js';
import { ok, type Operation } from './operation.js';

export const snippetOperations: Operation[] = [
  {
    method: 'get',
    path: '/dni.js',
    summary: 'The script that shows visitors their numbers',
    description: 'For the pages of a site with `snippet` in its configuration; docs/snippet.md tells how.',
    scope: 'public',
    answers: {
      200: { description: 'The script', type: 'text/javascript' },
      304: { description: '`If-None-Match` names it' },
    },
  },
  {
    method: 'post',
    path: '/dni/{key}/leases',
    summary: 'What the script asks: a number of the site for its visitor',
    description:
      'Only from the origins of the configuration, and only so often from one address (`sites[].snippet`). ' +
      'Idempotent by session; asking again extends the lease.',
    scope: 'public',
    parameters: { key: '`sites[].snippet.key`' },
    body: { schema: snippetRequest, example: { session: { id: '5f3a…', utm: { source: 'yandex' } } } },
    answers: ok('The number to show', snippetAnswer, {
      number: '+74951111111',
      expiresInSeconds: 600,
      askAgainSeconds: 300,
      code: null,
      codeExpiresInSeconds: 0,
    }),
    errors: [
      'GW_ERR_FORBIDDEN',
      'GW_ERR_NOT_FOUND',
      'GW_ERR_TOO_MANY_REQUESTS',
      'GW_ERR_REDIS_AWAY',
      'GW_ERR_DEADLINE',
    ],
  },
];
