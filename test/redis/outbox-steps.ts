import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisOutbox, type OutboxLimits } from '../../src/redis/outbox.js';
import type { Batch, Delivery, Ended, Settlement } from '../../src/webhooks/queue.js';
import { keptEvents, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

const TRACE = { at: Date.now(), status: 200, latencyMs: 3, text: 'ok' };

/** The two halves of an exchange with the outbox, each by itself; one event of each key at a time. */
export async function claim(outbox: RedisOutbox, endpoint: string, most: number, leaseMs: number) {
  const turn = await outbox.work(endpoint, [], { most, mostOfKey: 1, leaseMs });
  return { ...turn, deliveries: turn.batches.flatMap(({ deliveries }) => deliveries) };
}

export async function settle(outbox: RedisOutbox, delivery: Delivery, settlement: Settlement) {
  return settleBatch(outbox, batchOf(delivery), settlement);
}

/** After `sent` attempts. */
export async function settleBatch(
  outbox: RedisOutbox,
  batch: Batch,
  settlement: Settlement,
  sent = ['abandoned', 'returned'].includes(settlement.outcome) ? 0 : batch.deliveries.length,
) {
  const [first] = batch.deliveries;
  const traces = batch.deliveries.slice(0, sent).map(() => TRACE);
  const ended: Ended[] = [{ batch, settlement, traces }];
  const turn = await outbox.work(first?.endpoint ?? '', ended, { most: 0, mostOfKey: 1, leaseMs: 1 });
  return { applied: turn.applied[0], more: turn.nextMs === 0, turned: turn.turned };
}

export const batchOf = (delivery: Delivery): Batch => ({
  orderingKey: delivery.orderingKey,
  deliveries: [delivery],
  followed: false,
});

export const LEASE = 30_000;

/** An outbox in which "crm" has what is written. */
export async function openOutbox(limits: OutboxLimits = {}) {
  const redis = await openRedis();
  const store = new RedisCallStore(redis.link, redis.keys);
  const outbox = new RedisOutbox(redis.link, redis.keys, { limits });
  const write = async (types: Parameters<typeof exampleChange>[1], endpoints = ['crm']) => {
    const call = exampleCall();
    await store.commit(exampleChange(call, types, { endpoints }));
    return call.id;
  };
  const claimSome = async (most = 10, leaseMs = LEASE) => (await claim(outbox, 'crm', most, leaseMs)).deliveries;
  const claimOne = async () => {
    const [delivery] = await claimSome(1);
    if (!delivery) throw new Error('nothing is due');
    return delivery;
  };
  const fail = (delivery: Delivery, delayMs = 60_000) => settle(outbox, delivery, { outcome: 'retry', delayMs });
  const backlog = async () => (await outbox.backlog(['crm'])).get('crm');
  const kept = () => keptEvents(redis);
  return { ...redis, store, kept, outbox, write, claim: claimSome, claimOne, fail, backlog };
}
