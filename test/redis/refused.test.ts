import { describe, expect, it } from 'vitest';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import type { Batch, Ended, Settlement } from '../../src/webhooks/queue.js';
import { eventually, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';
import { settleBatch } from './outbox-steps.js';

const AT_A_TIME = 8;
const LATER: Settlement = { outcome: 'retry', delayMs: 60_000 };
const DELIVERED: Settlement = { outcome: 'delivered' };
const REFUSED: Settlement = { outcome: 'dead', reason: 'HTTP 422', verdict: true };

async function open() {
  const redis = await openRedis();
  const store = new RedisCallStore(redis.link, redis.keys);
  const outbox = new RedisOutbox(redis.link, redis.keys, { limits: { probeFirstMs: 1 } });
  const write = async () => {
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.received'], { endpoints: ['crm'] }));
    return call.id;
  };
  const work = (ended: Ended[] = [], most = AT_A_TIME) =>
    outbox.work('crm', ended, { most, mostOfKey: 1, leaseMs: 30_000 });
  /** What is due of one call, once it may be sent. */
  const take = () =>
    eventually(async () => {
      const [batch] = (await work([], 1)).batches;
      expect(batch).toBeDefined();
      return batch as Batch;
    });
  const end = (batch: Batch, settlement: Settlement) => settleBatch(outbox, batch, settlement);
  /** A call of its own, tried once. */
  const tried = async (settlement: Settlement) => {
    const id = await write();
    const batch = await take();
    expect(batch.orderingKey).toBe(id);
    return { id, turned: (await end(batch, settlement)).turned };
  };
  const keysOf = (batches: Batch[]) => batches.map(({ orderingKey }) => orderingKey);
  return { ...redis, write, work, take, end, tried, keysOf };
}

describe('calls that a receiver refuses', () => {
  it('for ever do not hold up the others, however many they are', async () => {
    const { write, work } = await open();
    const refused = new Set<string>();
    for (let i = 0; i < 20; i += 1) refused.add(await write());
    let ended: Ended[] = [];
    let attempts = 0;
    const delivered: Batch[] = [];
    // They are due again at once, so that all of them wait beside every healthy call.
    const exchange = async () => {
      const { batches } = await work(ended);
      ended = batches.map((batch): Ended => {
        const bad = refused.has(batch.orderingKey);
        if (bad) attempts += 1;
        else delivered.push(batch);
        const settlement: Settlement = bad ? { outcome: 'retry', delayMs: 0 } : DELIVERED;
        return { batch, settlement, traces: [{ at: Date.now(), status: bad ? 422 : 200, latencyMs: 3, text: '' }] };
      });
    };
    for (let i = 0; i < 30; i += 1) {
      const id = await write();
      const before = attempts;
      await eventually(async () => {
        await exchange();
        expect(delivered.at(-1)?.orderingKey).toBe(id);
      });
      // No more than stood before it, each once, and those that were taken with it.
      expect(attempts - before).toBeLessThanOrEqual(refused.size + AT_A_TIME);
    }
    expect(delivered.flatMap(({ deliveries }) => deliveries.map(({ attempt }) => attempt))).toEqual(Array(30).fill(1));
  });

  it('again do not make it failing', async () => {
    const { raw, keys, take, end, tried } = await open();
    for (let i = 0; i < 4; i += 1) {
      await tried(LATER);
      await tried(DELIVERED);
    }
    for (const id of await raw.zrange(keys.due('crm'), 0, -1)) await raw.zadd(keys.due('crm'), 1, id);
    for (let i = 0; i < 4; i += 1) {
      const batch = await take();
      expect(batch.deliveries[0]?.attempt).toBe(2);
      expect((await end(batch, LATER)).turned).toBeNull();
    }
  });

  it('for good, each by a word on itself, do not make it failing', async () => {
    const { tried } = await open();
    for (let i = 0; i < 5; i += 1) expect((await tried(REFUSED)).turned).toBeNull();
  });

  it('for good do not hold up the next probe', async () => {
    const { write, take, end, tried, work } = await open();
    for (let i = 0; i < 3; i += 1) await tried(LATER);
    for (let i = 0; i < 8; i += 1) await tried(LATER); // it waits longer and longer
    await write();
    await write();
    await end(await take(), REFUSED);
    expect((await work([], 1)).batches).toHaveLength(1);
  });
});

describe('an endpoint that answers again', () => {
  it('gets at once what failed since it did not, and nothing that had failed before', async () => {
    const { tried, work, keysOf } = await open();
    await tried(LATER);
    await tried(DELIVERED);
    const since = [];
    for (let i = 0; i < 4; i += 1) since.push(await tried(LATER));
    expect(since.map(({ turned }) => turned)).toEqual([null, null, 'failing', null]);
    expect(await tried(DELIVERED)).toMatchObject({ turned: 'recovered' });
    expect(keysOf((await work()).batches).sort()).toEqual(since.map(({ id }) => id).sort());
  });
});
