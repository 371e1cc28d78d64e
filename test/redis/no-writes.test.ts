import { describe, expect, it } from 'vitest';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { openOwnRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

async function open() {
  const redis = await openOwnRedis();
  const refused: string[] = [];
  redis.link.on('refused', (reason) => refused.push(reason));
  const store = new RedisCallStore(redis.link, redis.keys);
  const change = exampleChange(exampleCall(), ['call.received', 'call.missed'], { endpoints: ['crm'], closed: true });
  return { ...redis, refused, store, change };
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
