import type { RedisOutbox } from '../../src/redis/outbox.js';
import type { Batch, Delivery, Ended, Settlement } from '../../src/webhooks/queue.js';

const TRACE = { status: 200, latencyMs: 3, text: 'ok' };

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
