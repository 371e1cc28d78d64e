import { z } from 'zod';
import { reportQuery } from '../report-query.js';
import { count, ok, time, type Operation } from './operation.js';

const share = z.number().min(0).max(1);
const measured = z.object({
  attempts: count,
  refusedHere: count.describe('By our own count'),
  refusedThere: count.describe("By the far end's word"),
  carriedSeconds: z.number(),
  carriedErlang: z.number(),
  offeredErlang: z.number(),
  blocking: share,
  meanHoldingSeconds: z.number().nullable(),
});
const period = { from: z.string(), to: z.string(), timezone: z.string() };
const limit = { kind: z.string(), id: z.string(), limit: count.nullable() };

const lost = z
  .object({
    ...period,
    bucket: z.enum(['hour', 'day']),
    site: z.string().nullable(),
    target: z.string().nullable(),
    totals: z.object({ calls: count, answered: count, lost: count, rerouted: count, rejected: count }),
    rows: z.array(
      z.object({
        at: z.string(),
        site: z.string(),
        target: z.string().describe('Where the call was lost, or what it was led away from'),
        reason: z.string(),
        lost: count,
        rerouted: count.describe('Answered by another target than the one that was full'),
      }),
    ),
  })
  .meta({ id: 'LostReport' });

const channels = z
  .object({
    ...period,
    bucket: z.enum(['minute', 'hour', 'day']),
    limits: z.array(
      z.object({
        ...limit,
        peak: count,
        rows: z.array(z.object({ at: z.string(), peak: count, limit: count.nullable(), fullMinutes: count })),
      }),
    ),
  })
  .meta({ id: 'ChannelsReport' });

const capacity = z
  .object({
    ...period,
    targetLoss: share,
    limits: z.array(
      z.object({
        ...limit,
        measured,
        busyHour: measured.extend({ at: time }).nullable(),
        targetLoss: share,
        channelsNeeded: count,
        expectedLoss: z.object({ present: share.nullable(), needed: share }),
        sentence: z.string(),
      }),
    ),
  })
  .meta({ id: 'CapacityReport' });

const visitors = z.object({
  visitors: count,
  withoutNumber: count,
  shareWithoutNumber: share,
  meanLeaseSeconds: z.number().nullable(),
  mostTaken: count,
});
const pools = z
  .object({
    ...period,
    pools: z.array(
      z.object({
        site: z.string(),
        free: count.describe('Numbers that can be lent now'),
        numbers: count,
        measured: visitors,
        busyHour: visitors.extend({ at: time, offeredErlang: z.number() }).nullable(),
        inputs: z.object({
          visitorsPerHour: count,
          meanLeaseSeconds: z.number(),
          leaseMeasured: z.boolean(),
          quarantineSeconds: z.number(),
          offeredErlang: z.number(),
        }),
        chance: share,
        numbersNeeded: count,
        expectedChance: z.object({ present: share, needed: share }),
        ambiguous: z.object({
          chance: share,
          inputs: z.object({ relentAfterSeconds: count, lateShare: share, ratesMeasured: z.boolean() }),
        }),
        sentence: z.string(),
      }),
    ),
  })
  .meta({ id: 'PoolsReport' });

const operators = z
  .object({
    ...period,
    site: z.string().nullable(),
    rows: z.array(
      z.object({
        kind: z.enum(['line', 'destination']),
        target: z.string(),
        offered: count.describe('Times it was dialled'),
        answered: count,
        missed: count.describe('Without those that another one answered'),
        ringSeconds: count,
        talkSeconds: count,
      }),
    ),
  })
  .meta({ id: 'OperatorsReport' });

type Parameter = keyof typeof reportQuery.shape;
const asked = (...parameters: Parameter[]) =>
  z.strictObject(Object.fromEntries(parameters.map((name) => [name, reportQuery.shape[name]])));

export const reportOperations: Operation[] = [
  {
    method: 'get',
    path: '/v1/reports/lost',
    summary: 'Lost and rerouted calls by hour or day, target and reason',
    scope: 'reports:read',
    query: asked('from', 'to', 'timezone', 'bucket', 'site', 'target'),
    answers: ok('Buckets in which nothing was lost have no row', lost),
  },
  {
    method: 'get',
    path: '/v1/reports/operators',
    summary: 'Answered, missed, ring and talk time by line and destination',
    scope: 'reports:read',
    query: asked('from', 'to', 'timezone', 'site'),
    answers: ok('Whole hours; lines before destinations, by name', operators),
  },
  {
    method: 'get',
    path: '/v1/reports/channels',
    summary: 'Channels in use over time',
    scope: 'reports:read',
    query: asked('from', 'to', 'timezone', 'bucket', 'kind', 'id'),
    answers: ok('One entry for each limit', channels),
  },
  {
    method: 'get',
    path: '/v1/reports/capacity',
    summary: 'How many channels would have been enough, by Erlang B',
    scope: 'reports:read',
    query: asked('from', 'to', 'timezone', 'kind', 'id'),
    answers: ok('One entry for each limit', capacity),
  },
  {
    method: 'get',
    path: '/v1/reports/pools',
    summary: 'How many tracking numbers a site needs, by Erlang B',
    scope: 'reports:read',
    query: asked('from', 'to', 'timezone', 'site', 'chance'),
    answers: ok('One entry for each site', pools),
  },
];
