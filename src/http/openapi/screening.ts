import { z } from 'zod';
import { listedBody } from '../screening.js';
import { ok, time, type Operation } from './operation.js';

const entry = z
  .object({ pattern: z.string(), list: z.enum(['allow', 'block']), by: z.string(), at: time })
  .meta({ id: 'ListEntry' });
const example = { pattern: '+7809*', list: 'block', by: 'ops', at: '2026-11-21T10:00:00.000Z' };
const parameters = { site: 'Id of a site', pattern: 'A number, or a beginning like `+7916*`' };

export const screeningOperations: Operation[] = [
  {
    method: 'get',
    path: '/v1/screening/{site}',
    summary: 'Who is blocked, and who is never screened',
    description: 'Entries made here; those of the configuration hold beside them.',
    scope: 'screening:read',
    parameters: { site: parameters.site },
    answers: ok('All entries, at most 10,000', z.object({ entries: z.array(entry) }), { entries: [example] }),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    method: 'put',
    path: '/v1/screening/{site}/{pattern}',
    summary: 'Put a caller or a range on a list',
    description: 'Holds here at once, on other gateways within seconds. Allow wins over block.',
    scope: 'screening:write',
    parameters,
    body: { schema: listedBody, example: { list: 'block' } },
    answers: ok('The entry', entry, example),
    errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_BAD_REQUEST'],
  },
  {
    method: 'delete',
    path: '/v1/screening/{site}/{pattern}',
    summary: 'Take a caller or a range off its list',
    scope: 'screening:write',
    parameters,
    answers: { 204: { description: 'Done' } },
    errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_BAD_REQUEST'],
  },
];
