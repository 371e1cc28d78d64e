import { z } from 'zod';
import { deadReplay, deliverySearch, rangeReplay } from '../webhooks.js';
import { count, ok, time, type Operation } from './operation.js';

const webhook = z
  .object({
    id: z.string(),
    url: z.string().describe('Where it leads; what stands behind the host may be secret'),
    events: z.array(z.string()),
    state: z.enum(['up', 'failing', 'disabled']),
    reason: z.enum(['gone', 'failing', 'request']).nullable().describe('Why it is disabled'),
    since: time.nullable().describe('Since when it fails or is disabled'),
    nextProbeAt: time.nullable(),
    undelivered: count,
    oldestAt: time.nullable().describe('When the oldest undelivered event was written'),
    deadLetters: count,
  })
  .meta({ id: 'Webhook' });

const delivery = z
  .object({
    cursor: z.string(),
    at: time,
    eventId: z.string(),
    type: z.string(),
    callId: z.string().nullable(),
    attempt: z.int().min(1),
    outcome: z.enum(['delivered', 'retry', 'dead']),
    status: z.int().nullable().describe('HTTP status; null when no answer came'),
    latencyMs: count,
    response: z.string().describe('What went wrong, or the start of the answer'),
  })
  .meta({ id: 'Delivery' });

const replayed = z
  .object({
    queued: count,
    skipped: count.describe('Queued already, or nothing that this webhook gets'),
    next: z.string().nullable().describe('More is left: ask again with this as `after`'),
    goneBefore: z.iso
      .datetime()
      .nullable()
      .describe('Events of the time before this are no longer kept and are not sent; null where all are'),
  })
  .meta({ id: 'Replayed' });

const tested = z.object({
  eventId: z.string(),
  delivered: z.boolean(),
  status: z.int().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  latencyMs: count,
  response: z.string(),
});

const example = {
  id: 'crm',
  url: 'https://crm.example.org',
  events: ['*'],
  state: 'failing',
  reason: null,
  since: '2026-11-21T10:12:07.412Z',
  nextProbeAt: '2026-11-21T10:13:07.412Z',
  undelivered: 12,
  oldestAt: '2026-11-21T10:12:05.100Z',
  deadLetters: 0,
};

const of = (path: string) => ({ path: `/v1/webhooks/{id}${path}`, parameters: { id: 'As in the configuration' } });
const accepted = (description: string) => ({
  202: { description, schema: replayed, example: { queued: 1, skipped: 0, next: null, goneBefore: null } },
});
const write = { method: 'post' as const, scope: 'webhooks:write' as const, errors: ['GW_ERR_NOT_FOUND' as const] };
const read = { method: 'get', scope: 'webhooks:read' } as const;
const switched = z.object({ id: z.string(), enabled: z.boolean(), changed: z.boolean() });

export const webhookOperations: Operation[] = [
  {
    ...read,
    path: '/v1/webhooks',
    summary: 'The receivers: state, and what waits for them',
    answers: ok('All of the configuration', z.object({ webhooks: z.array(webhook) }), { webhooks: [example] }),
  },
  {
    ...read,
    ...of(''),
    summary: 'One receiver',
    answers: ok('As it stands', webhook, example),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    ...read,
    ...of('/deliveries'),
    summary: 'Attempts, the newest first',
    description:
      'Of one call: the last attempt at each of its events. One request passes over 10,000 attempts at most; `next` goes on.',
    query: deliverySearch,
    answers: ok('Attempts', z.object({ deliveries: z.array(delivery), next: z.string().nullable() })),
    errors: ['GW_ERR_NOT_FOUND'],
  },
  {
    ...write,
    path: '/v1/webhooks/{id}/deliveries/{eventId}/replay',
    parameters: {
      id: 'As in the configuration',
      eventId: 'Of the event, or its cursor (`next` of the feed, `id` of the live feed)',
    },
    summary: 'Sends one event again, with the same `webhook-id`',
    answers: accepted('Queued, or queued already'),
  },
  {
    ...write,
    ...of('/replay'),
    summary: 'Sends the events of a time, or all dead letters, again',
    description:
      'A thousand events a request; while `next` is not null, ask again. What is queued already is not queued twice.',
    body: {
      schema: z.union([deadReplay, rangeReplay]),
      example: { from: '2026-11-21T00:00:00Z', to: '2026-11-22T00:00:00Z' },
    },
    answers: accepted('Queued'),
  },
  {
    ...write,
    ...of('/test'),
    summary: 'Sends an event `webhook.test` at once and tells what the receiver answered',
    description:
      'Signed as any other; its `data` is `{"endpoint": …}`. Nothing of it is kept: it stands neither in the feed nor among the deliveries. A disabled receiver can be tested too.',
    answers: ok('The answer, whatever it was', tested),
    errors: ['GW_ERR_NOT_FOUND', 'GW_ERR_CONFLICT'],
  },
  {
    ...write,
    ...of('/enable'),
    summary: 'Lets deliveries go on',
    answers: ok('Enabled', switched, { id: 'crm', enabled: true, changed: true }),
  },
  {
    ...write,
    ...of('/disable'),
    summary: 'Stops deliveries until it is enabled; what happens meanwhile waits',
    answers: ok('Disabled', switched, { id: 'crm', enabled: false, changed: true }),
  },
];
