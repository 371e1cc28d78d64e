import type { RedisOutbox } from '../../src/redis/outbox.js';
import type { Delivery, Settlement } from '../../src/webhooks/queue.js';

const TRACE = { status: 200, latencyMs: 3, text: 'ok' };

/** The two halves of an exchange with the outbox, each by itself. */
export async function claim(outbox: RedisOutbox, endpoint: string, most: number, leaseMs: number) {
  return outbox.work(endpoint, [], { most, leaseMs });
}

export async function settle(outbox: RedisOutbox, delivery: Delivery, settlement: Settlement) {
  const turn = await outbox.work(delivery.endpoint, [{ delivery, settlement, trace: TRACE }], { most: 0, leaseMs: 1 });
  return { applied: turn.applied[0], more: turn.nextMs === 0, turned: turn.turned };
}
