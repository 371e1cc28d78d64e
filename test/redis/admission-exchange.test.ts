import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { judge } from '../../src/call/attribution.js';
import { describeCaller } from '../../src/call/callers.js';
import { configSchema } from '../../src/config/schema.js';
import { DEFAULT_RATES } from '../../src/numbers/call-rates.js';
import { RedisAdmissions } from '../../src/redis/admissions.js';
import { RedisCallers } from '../../src/redis/callers.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { RedisScreening } from '../../src/redis/screening.js';
import { ListBook } from '../../src/screening/lists.js';
import { needsOf } from '../../src/screening/rules.js';
import { openRedis } from '../support/redis.js';
import { exampleCall, exampleHolder } from './examples.js';

const NUMBER = '+74951111111';
const CALLER = '+79160000001';
const AT = Date.parse('2026-11-21T10:12:00.000Z');
const MINUTE = 60_000;
const action = 'tag';
const config = configSchema.parse({
  trunks: [{ id: 'carrier-a', channels: 30, inbound: { from: ['192.0.2.1'], channels: 20 } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [
    {
      id: 'divan',
      defaultRoute: 'none',
      screening: {
        blockAction: action,
        rate: { calls: 1, within: '1h', action },
        range: { calls: 1, within: '10m', action },
        short: { calls: 1, under: '90s', action },
        hopping: { numbers: 2, within: '1h', action },
      },
    },
  ],
});

/** A number with a lease and an earlier holder, a caller with a history, rules of every kind, an entry in the list. */
async function open() {
  const redis = await openRedis();
  const { link, keys, raw } = redis;
  await raw.hset(keys.number(NUMBER), { site: 'divan', kind: 'dynamic', enabled: '1' });
  const earlier = exampleHolder({
    leaseId: 'l-0',
    sessionId: 's-0',
    leasedAt: AT - 30 * MINUTE,
    expiresAt: AT - MINUTE,
  });
  const lease = exampleHolder({ leasedAt: AT - MINUTE, expiresAt: AT + 10 * MINUTE });
  await raw.hset(keys.lease(NUMBER), { ...lease, session: JSON.stringify(lease.session) });
  for (const holder of [earlier, lease]) await raw.zadd(keys.holders(NUMBER), holder.leasedAt, JSON.stringify(holder));

  const callers = new RedisCallers(link, keys);
  const before = { startedAt: new Date(AT - 5 * MINUTE).toISOString(), disposition: 'answered' } as const;
  const durations = { ringSeconds: 2, talkSeconds: 61.5, totalSeconds: 63.5, addedSetupMs: 11 };
  await callers.note(exampleCall({ ...before, durations, trackingNumber: '+74952222222' }));
  const lists = new ListBook({
    sites: () => config.sites,
    store: new RedisScreening(link, keys),
    logger: pino({ level: 'silent' }),
  });
  await new RedisScreening(link, keys).set('divan', {
    pattern: '+7916*',
    list: 'block',
    by: 'ops',
    at: before.startedAt,
  });
  await lists.refresh();

  const channels = new RedisChannels(link, keys);
  const admissions = new RedisAdmissions(link, keys, channels, { screening: () => needsOf(config.sites) });
  return { ...redis, admissions, lists };
}

it('costs one exchange with Redis with everything in it: number, leases, channels, history, screening, lists', async () => {
  const { link, admissions, lists } = await open();
  const deps = {
    config: () => config,
    callRates: { of: () => DEFAULT_RATES, learn: () => undefined },
    callers: {
      arrived: () => Promise.resolve(),
      judged: () => undefined,
      codeGiven: () => Promise.resolve(),
      deferred: () => Promise.resolve(),
      lists: (site: string) => lists.of(site),
    },
  };
  const token = randomUUID();
  const inbound = [
    { resource: 'trunk-in:carrier-a', token, limit: 20 },
    { resource: 'trunk:carrier-a', token, limit: 30 },
    { resource: `number:${NUMBER}`, token, limit: null },
  ];
  // The first call of a range teaches nothing; the second is one too many.
  const admit = () =>
    admissions.admit({ callId: randomUUID(), trackingNumber: NUMBER, callerNumber: CALLER, at: AT, inbound });
  await admit();

  const exchanges = link.exchanges;
  const answer = await admit();
  const call = exampleCall({ caller: { ...exampleCall().caller, previousCalls: 0 }, tags: [] });
  call.attribution = judge(answer, answer.history?.known ?? null, AT, deps);
  describeCaller(call, answer, AT, deps);
  expect(link.exchanges - exchanges).toBe(1);

  // It was all asked for and answered, and nothing of it in a later exchange.
  expect(answer.channels.map(({ granted }) => granted)).toEqual([true, true, true]);
  expect(call.attribution).toMatchObject({ candidates: [{}, {}] });
  expect(call.caller).toMatchObject({ firstCall: false, lastDisposition: 'answered' });
  expect(call.screening?.hits.map(({ rule }) => rule).sort()).toEqual(['block', 'hopping', 'range', 'rate', 'short']);
  expect(call.tags.map(({ name }) => name).sort()).toEqual(['repeat', 'suspicious']);
});

it('asks no more for a withheld caller, and one exchange for a number that is nobody’s', async () => {
  const { link, admissions } = await open();
  const inbound = [{ resource: 'trunk-in:carrier-a', token: randomUUID(), limit: 20 }];
  for (const query of [
    { trackingNumber: NUMBER, callerNumber: null },
    { trackingNumber: '+74950000000', callerNumber: CALLER },
  ]) {
    const exchanges = link.exchanges;
    await admissions.admit({ callId: randomUUID(), at: AT, inbound, ...query });
    expect(link.exchanges - exchanges).toBe(1);
  }
});
