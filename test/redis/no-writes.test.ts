import { Redis } from 'ioredis';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { History } from '../../src/composition/history.js';
import { Pools } from '../../src/composition/pools.js';
import { configSchema } from '../../src/config/schema.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { SealedFiles } from '../../src/recordings/sealed-files.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistoryIndex } from '../../src/redis/history-index.js';
import { RedisLeavingCalls } from '../../src/redis/leaving-calls.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import type { Batch } from '../../src/webhooks/queue.js';
import { eventually, keptEvents, openOwnRedis } from '../support/redis.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';
import { exampleCall, exampleChange } from './examples.js';
import { settleBatch } from './outbox-steps.js';

async function open() {
  const redis = await openOwnRedis();
  const refused: string[] = [];
  redis.link.on('refused', (reason) => refused.push(reason));
  const store = new RedisCallStore(redis.link, redis.keys);
  const outbox = new RedisOutbox(redis.link, redis.keys, { limits: { eventRetentionMs: 0 } });
  const change = exampleChange(exampleCall(), ['call.received', 'call.missed'], { endpoints: ['crm'], closed: true });
  return { ...redis, refused, store, outbox, change };
}

describe('a Redis that is there and takes no writes', () => {
  it.each([
    ['it is full', 'maxmemory', 'OOM'],
    ['it has too few replicas', 'min-replicas-to-write', 'NOREPLICAS'],
  ])('since %s says so once, and has nothing half written', async (_why, setting, word) => {
    const { link, raw, prefix, store, change, refused } = await open();
    expect(link.trouble).toBeNull();
    await raw.config('SET', setting, 1);
    for (let i = 0; i < 2; i += 1)
      await expect(store.commit(change)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    expect(refused).toEqual([expect.stringMatching(`^${word} `)]);
    expect(link.trouble).toContain(word);
    expect(await raw.keys(`${prefix}*`)).toEqual([]);
    await raw.config('SET', setting, 0);
    await store.commit(change);
    expect(await raw.zcard(`${prefix}v1:{calls}:out:crm:backlog`)).toBe(2);
  });
});

describe('a Redis whose user may not do what a gateway does', () => {
  it.each([
    ['run scripts', '-@scripting', '+@scripting'],
    ['touch its keys', 'resetkeys ~other:*', '~*'],
  ])('says so once: may not %s', async (_what, taken, given) => {
    const { link, raw, server, prefix, store, change, refused } = await open();
    const admin = new Redis(server.url, { username: 'admin', password: 'a' });
    onTestFinished(() => admin.disconnect());
    await raw.acl('SETUSER', 'admin', 'on', '>a', '~*', '&*', '+@all');
    await admin.acl('SETUSER', 'default', ...taken.split(' '));
    for (let i = 0; i < 2; i += 1)
      await expect(store.commit(change)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    expect(refused).toEqual([expect.stringMatching(/^NOPERM /)]);
    expect(link.trouble).toContain('NOPERM');
    await admin.acl('SETUSER', 'default', given);
    await store.commit(change);
    expect(await raw.zcard(`${prefix}v1:{calls}:out:crm:backlog`)).toBe(2);
  });
});

describe('a full Redis', () => {
  it('delivers what is queued, is read, and lets go what is old: what else would make room in it?', async () => {
    const { link, raw, keys, store, outbox, change } = await open();
    await store.commit(change);
    await raw.config('SET', 'maxmemory', 1);
    const { batches } = await outbox.work('crm', [], { most: 10, mostOfKey: 10, leaseMs: 30_000 });
    expect(await settleBatch(outbox, batches[0] as Batch, { outcome: 'delivered' })).toMatchObject({ applied: true });
    expect((await outbox.backlog(['crm'])).get('crm')).toMatchObject({ events: 0 });
    expect(await keptEvents({ link, keys })).toHaveLength(2);
    await eventually(async () => {
      await outbox.trim(['crm']);
      expect(await raw.xlen(keys.events())).toBe(0);
    });
    const leaving = new RedisLeavingCalls(link, keys, 'gw-1');
    expect(await leaving.lease()).toBe(true);
    const oldest = await leaving.oldest(Date.now() + 60_000, 10);
    expect(await leaving.drop(oldest)).toBe(1);
    expect(await store.get(change.call.id)).toBeNull();
  });

  it.each<[string, (redis: Awaited<ReturnType<typeof open>>) => Promise<unknown>]>([
    ['whatever else', () => Promise.resolve()],
    ['a lost queue of missed callers', ({ raw, keys }) => raw.hset(keys.historyState(), 'waiting', 7)],
    ['a lost index', ({ raw, keys }) => raw.hset(keys.historyState(), 'version', 'old')],
    ['a lost list of calls', ({ raw, keys }) => raw.del(keys.recentCalls())],
    ['a rebuild that is asked for', ({ link, keys }) => new RedisHistoryIndex(link, keys).ask()],
    [
      'a rebuild that has begun',
      async ({ link, keys }) => {
        const index = new RedisHistoryIndex(link, keys);
        await index.ask();
        await index.begin();
      },
    ],
  ])('lets calls leave for the archive, past %s', async (_what, prepare) => {
    const redis = await open();
    const { link, raw, keys, store, change } = redis;
    const config = configSchema.parse({
      engines: { mode: 'sandbox' },
      trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
      routes: [{ id: 'divan', steps: [{ announce: 'silence_stream://1000' }] }],
      sites: [{ id: 'divan', defaultRoute: 'divan' }],
    });
    // Every call is due to leave.
    config.history = { ...config.history, archive: true, retention: -60_000 };
    const files = new SealedFiles(new DiskStore(await tempFolder()), null);
    const eraseArchived = () => Promise.reject(new Error('nobody is forgotten here'));
    const recordings = { files, formerFiles: [], eraseArchived };
    const keep = () => {
      const logger = pino({ level: 'silent' });
      const history = new History({ config: () => config, link, keys, logger, recordings });
      onTestFinished(() => history.stop());
      history.start();
      return history;
    };
    // As long as there is room.
    const before = keep();
    await until('the keeper has been there', async () => (await raw.hexists(keys.historyState(), 'waiting')) === 1);
    await before.stop();
    await store.commit(change);
    await prepare(redis);
    await raw.config('SET', 'maxmemory', 1);
    const { archive } = keep().http;
    await until('the call has left', async () => (await store.get(change.call.id)) === null);
    expect(await archive.has(change.call.startedAt.slice(0, 10))).toBe(true);
    expect(await raw.hgetall(keys.historyStores())).toEqual({ [await files.identity()]: config.gateway.id });
  });
});

describe('the numbers of the configuration', () => {
  const number = '+74951112233';
  const config = configSchema.parse({
    trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
    routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
    sites: [{ id: 'shop', defaultRoute: 'none' }],
    numbers: [{ number, site: 'shop', kind: 'static' }],
  });

  it('are written when Redis takes writes again, over the connection that stood all the time', async () => {
    const { link, raw, keys } = await openOwnRedis();
    const logger = pino({ level: 'silent' });
    const metrics = new GatewayMetrics({ nodeDefaults: false });
    const pools = new Pools({ link, keys, config: () => config, metrics, logger, tell: () => Promise.resolve() });
    onTestFinished(() => pools.stop());
    await raw.config('SET', 'maxmemory', 1);
    await pools.publishNumbers();
    expect(await raw.exists(keys.number(number))).toBe(0);
    await raw.config('SET', 'maxmemory', 0);
    await until('the number is there', async () => (await raw.exists(keys.number(number))) === 1);
  });
});
