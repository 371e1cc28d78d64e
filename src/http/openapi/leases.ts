import { z } from 'zod';
import { callSchema } from '../../events/catalogue.js';
import { leaseExtension, leaseListQuery, leaseRequest, leaseSearch } from '../leases.js';
import { ok, time, type Operation } from './operation.js';

export const lease = z
  .object({
    id: z.string().describe('One opaque word that is not to be guessed'),
    number: z.string(),
    site: z.string(),
    leasedAt: time,
    expiresAt: time,
    session: callSchema.shape.attribution.shape.session.unwrap(),
  })
  .meta({ id: 'Lease' });

const allocation = z
  .object({
    outcome: z
      .enum(['lent', 'kept', 'fallback', 'code'])
      .describe(
        '`kept`: the lease that this session has, extended. `fallback`: no number is free. `code`: this site lends codes in place of numbers',
      ),
    number: z.string().nullable().describe('What to show; null: leave the page as it is'),
    lease: lease.nullable(),
    promo: z
      .object({ code: z.string(), expiresAt: time })
      .nullable()
      .describe('What to show beside the number, where this site lends promo codes'),
  })
  .meta({ id: 'Allocation' });

const example = {
  id: 'ls_0193512c8a4f7b3e9d2f1a5c6b7d8e9f_74951111111',
  number: '+74951111111',
  site: 'divan',
  leasedAt: '2026-11-21T10:12:07.412Z',
  expiresAt: '2026-11-21T10:22:07.412Z',
  session: {
    id: 's-1',
    visitorId: 'v-1',
    landingPage: 'https://shop.example/divany',
    referrer: null,
    utm: { source: 'yandex', medium: 'cpc', campaign: null, content: null, term: null },
    keyword: null,
    gclid: null,
    yclid: '1234567890',
    gaClientId: null,
    ymClientId: null,
  },
};

const one = { path: '/v1/leases/{id}', parameters: { id: 'As it was given with the lease' } };

export const leaseOperations: Operation[] = [
  {
    method: 'post',
    path: '/v1/leases',
    summary: 'Lends a number to a visitor session',
    description:
      'Idempotent by site and session: the same session gets its lease back, extended and brought up to date.',
    scope: 'leases:write',
    body: { schema: leaseRequest, example: { site: 'divan', session: { id: 's-1', utm: { source: 'yandex' } } } },
    answers: {
      ...ok('The lease that it has, extended; or the static number, where none is free', allocation, {
        outcome: 'fallback',
        number: '+74952222222',
        lease: null,
        promo: null,
      }),
      201: {
        description: 'Lent',
        schema: allocation,
        example: {
          outcome: 'lent',
          number: example.number,
          lease: example,
          promo: { code: '48210', expiresAt: '2026-11-22T10:12:07.412Z' },
        },
      },
    },
  },
  {
    method: 'get',
    path: '/v1/leases',
    summary: 'Finds the lease that stands on a number, or that a visitor session has',
    description: "By `number`, whoever lent it; by `site` and `session`, leases of this interface's.",
    scope: 'leases:read',
    query: leaseSearch,
    answers: ok('The lease', lease, example),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    method: 'get',
    path: '/v1/leases/standing',
    summary: 'The leases that stand on the numbers of a site, whoever wrote them',
    description:
      'In the order of their numbers, those of the configuration and of `/v1/numbers`. A page may have fewer leases than asked for, even none, while more follow.',
    scope: 'leases:read',
    query: leaseListQuery,
    answers: ok('A page', z.object({ leases: z.array(lease), next: z.string().nullable() }), {
      leases: [example],
      next: null,
    }),
    errors: ['GW_ERR_BAD_REQUEST'],
  },
  {
    ...one,
    method: 'get',
    summary: 'One lease that stands',
    scope: 'leases:read',
    answers: ok('The lease', lease, example),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    ...one,
    method: 'patch',
    summary: 'Extends a lease',
    description:
      'It then ends `leaseSeconds` from now (`pool.lease` of the site when left out), never earlier than before.',
    scope: 'leases:write',
    body: { schema: leaseExtension, example: { leaseSeconds: 600 } },
    answers: ok('The lease', lease, example),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    ...one,
    method: 'delete',
    summary: 'Releases a lease',
    description: 'The number rests before somebody else gets it. One that has ended already is released.',
    scope: 'leases:write',
    answers: { 204: { description: 'Released' } },
  },
];
