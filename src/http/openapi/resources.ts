import { z } from 'zod';
import { STEP_CONDITIONS, STRATEGIES } from '../../config/schema.js';
import { HEALTH_STATES } from '../../health/health.js';
import type { Explanation } from '../../routing/explain.js';
import { TRUNK_DOWN_REASONS } from '../../trunks/carriers/state.js';
import type { DestinationView, LineView, TrunkView } from '../ports.js';
import { timeZoneQuery } from '../report-query.js';
import { drainBody, explainQuery } from '../resources.js';
import { count, ok, time, type Operation } from './operation.js';

const words = z.string().nullable();
const limitKind = z.enum(['trunk-in', 'trunk-out', 'trunk', 'destination', 'line']);
const limitUse = {
  kind: limitKind,
  channels: z.object({
    inUse: count,
    limit: count.nullable().describe('null: none'),
    peakToday: count.describe('In the time zone asked for'),
  }),
};

const seenHealth = {
  state: z.enum(HEALTH_STATES),
  since: time.nullable(),
  lastStatus: z.int().nullable().describe('Of its last answer to OPTIONS'),
};

const trunk = z
  .object({
    id: z.string(),
    up: z.boolean().describe('false while any reason in `down` holds'),
    draining: z.boolean(),
    down: z.array(z.object({ reason: z.enum(TRUNK_DOWN_REASONS), since: time })),
    gateways: z.array(
      z.object({
        uri: z.string(),
        priority: z.int(),
        weight: z.int(),
        ...seenHealth,
        heldUntil: time.nullable().describe('It asked (`Retry-After`) not to be dialled until then'),
        full: z.boolean().describe('It asked so for want of a free channel'),
        share: z.number().min(0).max(1).describe('Below 1 while it has just come back'),
      }),
    ),
    registration: z
      .object({
        state: z.enum(['registering', 'registered', 'failed', 'stopped']),
        lastStatus: z.int().nullable(),
        registeredUntil: time.nullable(),
        nextAttemptAt: time.nullable(),
        failures: count,
      })
      .nullable(),
    lastCallAt: time.nullable(),
    limits: z.array(z.object(limitUse)),
  })
  .meta({ id: 'Trunk' }) satisfies z.ZodType<TrunkView>;

const line = z
  .object({
    id: z.string(),
    ...limitUse,
    uri: words.describe('null where phones register for it'),
    state: z.enum(['fixed', 'registered', 'unregistered']),
    draining: z.boolean(),
    health: z
      .object(seenHealth)
      .nullable()
      .describe('Of its fixed address, as this gateway sees it; null where nobody asks'),
    registrations: z
      .object({
        contacts: count,
        unreachable: count,
        userAgents: z.array(z.string()),
        expiresAt: time.nullable(),
        phones: z.array(
          z.object({
            address: z.string().describe('where it registered from, and is rung'),
            port: z.int(),
            userAgent: z.string(),
            unreachable: z.boolean().describe('it does not answer our keep-alive'),
            expiresAt: time,
          }),
        ),
      })
      .nullable(),
  })
  .meta({ id: 'Line' }) satisfies z.ZodType<LineView>;

const destination = z
  .object({
    id: z.string(),
    ...limitUse,
    number: z.string(),
    trunk: z.string(),
    trunkUp: z.boolean(),
    draining: z.boolean(),
  })
  .meta({ id: 'Destination' }) satisfies z.ZodType<DestinationView>;

const explanation = z
  .object({
    number: z.string(),
    at: time,
    site: words,
    timeZone: words,
    route: words,
    routeSeconds: z.number().nullable(),
    steps: z.array(
      z.object({
        n: z.int().min(1),
        dial: z.array(z.string()).nullable(),
        announce: words,
        strategy: z.enum(STRATEGIES),
        when: z.array(z.enum(STEP_CONDITIONS)),
        forSeconds: z.number(),
        schedule: z.object({ id: z.string(), open: z.boolean() }).nullable(),
        tried: z.enum(['now', 'if', 'no']),
        why: z.string(),
        targets: z.array(
          z.object({
            id: z.string(),
            kind: z.enum(['destination', 'line']),
            limits: z.array(z.object({ resource: z.string(), inUse: count.nullable(), limit: count.nullable() })),
            would: z.enum(['rings', 'no_channel', 'unreachable', 'not_registered']),
            why: z.string(),
            lastResort: z
              .boolean()
              .describe('Passed over as it does not answer OPTIONS; rung after all where nobody else takes the call'),
          }),
        ),
      }),
    ),
    sentence: z.string().describe('The whole of it for people'),
  })
  .meta({ id: 'RouteExplanation' }) satisfies z.ZodType<Explanation>;

const channels = { inUse: 3, limit: 4, peakToday: 4 };
const examples = {
  trunks: {
    id: 'carrier-a',
    up: true,
    draining: false,
    down: [],
    gateways: [],
    registration: null,
    lastCallAt: '2026-11-21T10:12:00.118Z',
    limits: [{ kind: 'trunk-in', channels: { inUse: 3, limit: 30, peakToday: 11 } }],
  } satisfies TrunkView,
  lines: {
    id: 'sales-1',
    kind: 'line',
    channels: { inUse: 0, limit: 1, peakToday: 1 },
    uri: 'sip:101@10.0.0.5:5060',
    state: 'fixed',
    draining: false,
    health: { state: 'up', since: '2026-11-21T06:00:03.417Z', lastStatus: 200 },
    registrations: null,
  } satisfies LineView,
  destinations: {
    id: 'main-office',
    kind: 'destination',
    channels,
    number: '+74951230000',
    trunk: 'carrier-a',
    trunkUp: true,
    draining: false,
  } satisfies DestinationView,
};

const schemas = { trunks: trunk, lines: line, destinations: destination };

function listOperations(what: 'trunks' | 'lines' | 'destinations'): Operation[] {
  const [schema, example, one] = [schemas[what], examples[what], what.slice(0, -1)];
  const list = z.object({ timezone: z.string(), [what]: z.array(schema) });
  return [
    {
      method: 'get',
      path: `/v1/${what}`,
      summary: `All ${what}: state, channels in use, limit, today's peak`,
      description: 'As it is now over all gateways.',
      scope: 'trunks:read',
      query: timeZoneQuery,
      answers: ok(`In the order of the configuration`, list, { timezone: 'Europe/Moscow', [what]: [example] }),
    },
    {
      method: 'get',
      path: `/v1/${what}/{id}`,
      summary: `One ${one}`,
      scope: 'trunks:read',
      parameters: { id: 'As in the configuration' },
      query: timeZoneQuery,
      answers: ok(`The ${one}`, schema, example),
      errors: ['GW_ERR_NOT_FOUND'],
    },
  ];
}

const drained = z.object({ id: z.string(), draining: z.boolean() });

function drainOperations(what: 'trunks' | 'lines' | 'destinations', id: string): Operation[] {
  const one = what.slice(0, -1);
  const common: Pick<Operation, 'path' | 'scope' | 'parameters' | 'errors'> = {
    path: `/v1/${what}/{id}/drain`,
    scope: 'trunks:write',
    parameters: { id: 'As in the configuration' },
    errors: ['GW_ERR_NOT_FOUND'],
  };
  const refused =
    what === 'trunks' ? 'New calls from it are refused, and nothing is dialled through it' : DRAINED_TARGET;
  return [
    {
      ...common,
      method: 'put',
      summary: `Takes a ${one} out of service, or back`,
      description: `${refused}; calls in progress go on. Holds for all gateways.`,
      body: { schema: drainBody, example: { draining: true } },
      answers: ok('As it is now', drained, { id, draining: true }),
    },
    {
      ...common,
      method: 'delete',
      summary: `Takes a ${one} back into service`,
      answers: ok('As it is now', drained, { id, draining: false }),
    },
  ];
}

const DRAINED_TARGET = 'It is not dialled: its leg is `unreachable` at once, and the route goes on';

export const resourceOperations: Operation[] = [
  ...listOperations('trunks'),
  ...listOperations('lines'),
  ...listOperations('destinations'),
  ...drainOperations('trunks', 'carrier-a'),
  ...drainOperations('lines', 'sales-1'),
  ...drainOperations('destinations', 'main-office'),
  {
    method: 'get',
    path: '/v1/routes/explain',
    summary: 'What would happen to a call, and why',
    description: 'Now or at another time. Nothing is dialled or reserved.',
    scope: 'trunks:read',
    query: explainQuery,
    answers: ok('Step by step', explanation),
  },
];
