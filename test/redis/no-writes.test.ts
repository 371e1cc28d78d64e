import { describe, expect, it } from 'vitest';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisLeavingCalls } from '../../src/redis/leaving-calls.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import type { Batch } from '../../src/webhooks/queue.js';
import { eventually, keptEvents, openOwnRedis } from '../support/redis.js';
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
});
