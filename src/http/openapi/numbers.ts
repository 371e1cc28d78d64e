import { z } from 'zod';
import { numberRow } from '../../numbers/import.js';
import { holdersQuery, importQuery, numberChange, numbersQuery } from '../numbers.js';
import { lease } from './leases.js';
import { count, ok, type Operation } from './operation.js';

const words = z.string().nullable();
const number = z
  .object({
    number: z.string(),
    site: z.string(),
    kind: z.enum(['dynamic', 'static']),
    route: words.describe("A route of its own; null: the site's"),
    source: z.record(z.string(), z.string()).nullable(),
    enabled: z.boolean(),
    origin: z
      .enum(['file', 'api', 'other'])
      .describe('`file`: of the configuration, read-only here. `other`: another service wrote it'),
  })
  .meta({ id: 'TrackingNumber' });

const example = {
  number: '+74952222222',
  site: 'divan',
  kind: 'static',
  route: null,
  source: { label: 'MKAD 32 km' },
  enabled: true,
  origin: 'api',
};

const one = { path: '/v1/numbers/{number}', parameters: { number: 'In E.164: `%2B74951111111`' } };

export const numberOperations: Operation[] = [
  {
    method: 'get',
    path: '/v1/numbers',
    summary: 'Tracking numbers of the configuration and of this interface, by site and number',
    description: '`next` is the `cursor` of the page that follows, null after the last one.',
    scope: 'numbers:read',
    query: numbersQuery,
    answers: ok('A page', z.object({ numbers: z.array(number), next: words }), { numbers: [example], next: null }),
  },
  {
    method: 'post',
    path: '/v1/numbers',
    summary: 'Creates a number',
    scope: 'numbers:write',
    body: { schema: numberRow, example: { number: '+74952222222', site: 'divan', kind: 'static' } },
    answers: {
      ...ok('It was there already, the same', number),
      201: { description: 'Created', schema: number, example },
    },
    errors: ['GW_ERR_CONFLICT'],
  },
  {
    method: 'post',
    path: '/v1/numbers/import',
    summary: 'Creates up to 10,000 numbers, all or none',
    description:
      'JSON, or `text/csv` with the columns `number`, `site`, `kind`, `route`, `enabled` and `source.<name>`; commas, ' +
      'semicolons or tabs; 2 MB at most. Errors are told by row (`errors`, the first hundred; `errorCount`).',
    scope: 'numbers:write',
    query: importQuery,
    body: {
      schema: z.object({ numbers: z.array(numberRow) }),
      example: { numbers: [{ number: '+74951111111' }] },
      texts: { 'text/csv': 'number,site,kind,source.label\n+74952222222,divan,static,MKAD 32 km\n' },
    },
    answers: ok('Imported', z.object({ created: count, unchanged: count }), { created: 998, unchanged: 2 }),
    errors: ['GW_ERR_CONFLICT'],
  },
  {
    ...one,
    method: 'get',
    summary: 'One number, and the lease that stands on it',
    scope: 'numbers:read',
    answers: ok('The number', number.extend({ lease: lease.nullable() }), { ...example, lease: null }),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    ...one,
    method: 'patch',
    summary: 'Enables or disables a number, changes its route or what it stands for',
    description:
      'What is left out stays. A disabled number is not lent, and calls to it are rejected. Its lease and its history ' +
      'stay; a call goes by what stood there when it came.',
    scope: 'numbers:write',
    body: { schema: numberChange, example: { enabled: false } },
    answers: ok('As it is now', number, example),
    errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_CONFLICT'],
  },
  {
    ...one,
    method: 'delete',
    summary: 'Removes a number and its history',
    description: 'Not while it is lent or a call is up on it.',
    scope: 'numbers:write',
    answers: { 204: { description: 'Removed' } },
    errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_CONFLICT'],
  },
  {
    ...one,
    path: '/v1/numbers/{number}/holders',
    method: 'get',
    summary: 'Who has had the number, the most recent first',
    description:
      'Kept for `pool.holders` of the site, also where the configuration or another service has taken the number out. ' +
      '404 where it is no number and nobody has had it.',
    scope: 'numbers:read',
    query: holdersQuery,
    answers: ok('A page', z.object({ holders: z.array(lease), next: words })),
    errors: ['GW_ERR_NOT_FOUND'],
  },
];
