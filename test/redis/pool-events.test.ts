import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Pools } from '../../src/composition/pools.js';
import { configSchema } from '../../src/config/schema.js';
import { eventSchema, type OperationalEvent } from '../../src/events/catalogue.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import { visitor } from '../support/lender.js';
import { openReceiver } from '../support/receiver.js';
import { eventually, keptEvents, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NUMBERS = 8;
const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [{ id: 'divan', defaultRoute: 'none', pool: { low: 0.5, fallback: '+74950000000' } }],
  numbers: Array.from({ length: NUMBERS }, (_, i) => ({ number: `+7495111110${i}`, site: 'divan', kind: 'dynamic' })),
});

/** A gateway as far as pools and webhooks go. */
async function openGateway(prefix: string | undefined, receiverUrl: string, { mute = false } = {}) {
  const redis = await openRedis({}, prefix);
  const { link, keys } = redis;
  const logger = pino({ level: 'silent' });
  const dispatcher = new Dispatcher(new RedisOutbox(link, keys), logger, {}, { pollMs: 20 });
  onTestFinished(() => dispatcher.stop(0));
  const store = new RedisCallStore(link, keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });
  const tell = (event: OperationalEvent, subject: string): Promise<void> =>
    mute ? Promise.reject(new Error('died before it told')) : store.appendOperational(event, subject, ['crm']);
  const metrics = new GatewayMetrics({ nodeDefaults: false });
  const pools = new Pools({ link, keys, config: () => config, metrics, logger, tell });
  await pools.publishNumbers();
  dispatcher.start([{ id: 'crm', url: receiverUrl, secret: SECRET, allowPrivate: true }]);
  const lend = (id: string) => pools.http.leases.allocate({ site: 'divan', session: visitor(id) });
  return { ...redis, store, lend };
}

const visitors = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i}`);

describe('pool events', () => {
  it('reach webhooks and feed once, however many gateways lend from the pool', async () => {
    const receiver = await openReceiver(SECRET);
    const one = await openGateway(undefined, receiver.url);
    const two = await openGateway(one.prefix, receiver.url);
    const gateways = [one, two];
    const lendAll = (ids: string[]) => Promise.all(ids.map((id, i) => (gateways[i % 2] ?? one).lend(id)));

    const first = await lendAll(visitors('a', 3));
    expect(first.every(({ outcome }) => outcome === 'lent')).toBe(true);
    expect(receiver.received).toEqual([]);
    await lendAll(visitors('b', 20));
    await receiver.wait(2);
    const dry = await lendAll(visitors('c', 20));
    expect(dry.every(({ outcome }) => outcome === 'fallback')).toBe(true);
    await eventually(async () => expect(await one.raw.llen(one.keys.poolUntold('divan'))).toBe(0));

    // An event that comes behind everything told so far.
    await two.store.commit(exampleChange(exampleCall(), ['call.received'], { endpoints: ['crm'] }));
    const received = await receiver.wait(3);
    const types = ['pool.low', 'pool.exhausted', 'call.received'];
    expect(received.map(({ body }) => body.type)).toEqual(types);
    expect((await keptEvents(one)).map(({ type }) => type)).toEqual(types);
    expect(received.every(({ verified }) => verified)).toBe(true);
    const [low, exhausted] = received.map(({ body }) => body);
    expect(eventSchema('pool.low').parse(low)).toMatchObject({ data: { site: 'divan', total: NUMBERS } });
    expect(eventSchema('pool.exhausted').parse(exhausted)).toMatchObject({
      data: { site: 'divan', free: 0, total: NUMBERS },
    });
  });

  it('are told by the next gateway, where the one that lent the number died first', async () => {
    const receiver = await openReceiver(SECRET);
    const dying = await openGateway(undefined, receiver.url, { mute: true });
    for (const id of visitors('a', NUMBERS + 1)) await dying.lend(id);
    expect(await keptEvents(dying)).toEqual([]);
    const other = await openGateway(dying.prefix, receiver.url);
    await other.lend('b');
    const received = await receiver.wait(2);
    expect(received.map(({ body }) => body.type)).toEqual(['pool.low', 'pool.exhausted']);
  });
});
