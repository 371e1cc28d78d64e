import { describe, expect, it } from 'vitest';
import { eventSchema } from '../../src/events/catalogue.js';
import { eventCursorOf, readLogEntry } from '../../src/redis/delivery-log.js';
import type { Batch, Delivery, Settlement } from '../../src/webhooks/queue.js';
import { eventually } from '../support/redis.js';
import { claim as claimFrom, LEASE, openOutbox as open, settle, settleBatch } from './outbox-steps.js';

const typeOf = ({ body }: Delivery): string => (JSON.parse(body.toString()) as { type: string }).type;

describe('the outbox', () => {
  it('delivers the events of a call one after the other, of different calls side by side', async () => {
    const { outbox, write, claim } = await open();
    const a = await write(['call.received', 'call.ringing']);
    const b = await write(['call.received']);
    const first = await claim();
    expect(first.map(({ orderingKey, attempt }) => [orderingKey, attempt])).toEqual([
      [a, 1],
      [b, 1],
    ]);
    expect(await claim()).toEqual([]);
    for (const delivery of first) await settle(outbox, delivery, { outcome: 'delivered' });
    const second = await claim();
    expect(second.map(typeOf)).toEqual(['call.ringing']);
    const settled = await settle(outbox, second[0] as Delivery, { outcome: 'delivered' });
    expect(settled).toEqual({ applied: true, more: false, turned: null });
  });

  it('leaves no key of a delivered call behind', async () => {
    const { outbox, write, claim, raw, prefix, keys, backlog } = await open();
    await write(['call.received']);
    for (const delivery of await claim()) await settle(outbox, delivery, { outcome: 'delivered' });
    expect(await backlog()).toEqual({ events: 0, oldestAt: null, dead: 0, disabled: false });
    expect(await raw.keys(`${prefix}v1:{calls}:out:*`)).toEqual([keys.deliveryLog('crm')]);
  });

  it('a failing head blocks its own call only', async () => {
    const { write, claim, claimOne, fail } = await open();
    const a = await write(['call.received', 'call.ringing']);
    await fail(await claimOne());
    const b = await write(['call.received']);
    expect((await claim()).map(({ orderingKey }) => orderingKey)).toEqual([b]);
    expect(a).not.toBe(b);
  });

  it('gives back what a dead worker held, and ignores it when it comes back late', async () => {
    const { outbox, write, claim, fail } = await open();
    await write(['call.received', 'call.ringing']);
    const [held] = await claim(1, 20);
    const again = await eventually(async () => {
      const [delivery] = await claim();
      expect(delivery).toBeDefined();
      return delivery as Delivery;
    });
    expect(again).toMatchObject({ cursor: held?.cursor, attempt: 2 });
    expect(await fail(held as Delivery)).toMatchObject({ applied: false });
    expect(await settle(outbox, again, { outcome: 'delivered' })).toMatchObject({ applied: true });
    expect(await settle(outbox, held as Delivery, { outcome: 'delivered' })).toMatchObject({ applied: false });
    expect((await claim()).map(typeOf)).toEqual(['call.ringing']);
  });

  it('gives back what was abandoned, at once and uncounted', async () => {
    const { outbox, write, claimOne } = await open();
    await write(['call.received']);
    const delivery = await claimOne();
    await settle(outbox, delivery, { outcome: 'abandoned' });
    expect(await claimOne()).toMatchObject({ attempt: 1, eventId: delivery.eventId });
  });

  it('keeps dead letters with their text and goes on with the call', async () => {
    const { outbox, write, claimOne, backlog, raw, keys } = await open();
    await write(['call.received', 'call.ringing']);
    const delivery = await claimOne();
    await settle(outbox, delivery, { outcome: 'dead', reason: 'HTTP 500' });
    expect(await backlog()).toMatchObject({ events: 1, dead: 1 });
    const [[, fields]] = (await raw.xrange(keys.dead('crm'), '-', '+')) as [[string, string[]]];
    expect(fields).toEqual(expect.arrayContaining(['HTTP 500', delivery.body.toString(), delivery.eventId]));
    expect(typeOf(await claimOne())).toBe('call.ringing');
  });

  it('tells of dead letters without what the receiver said of them', async () => {
    const { outbox, write, claimOne, kept } = await open();
    await write(['call.received']);
    const delivery = await claimOne();
    await settle(outbox, delivery, { outcome: 'dead', reason: 'HTTP 422: +79160000001: no such phone', verdict: true });
    expect(await outbox.tellDead('crm')).toBe(1);
    const told = JSON.parse((await kept()).at(-1)?.body ?? '') as object;
    expect(eventSchema('webhook.dead_letter').parse(told)).toMatchObject({
      data: { endpoint: 'crm', events: 1, lastEventId: delivery.eventId, reason: 'HTTP 422' },
    });
  });

  it('tells of events whose text is gone, and goes on', async () => {
    const { outbox, write, kept, keys, raw } = await open();
    await write(['call.received', 'call.ringing']);
    const [first] = await kept();
    await raw.xdel(keys.events(), first?.cursor.split('.')[0] ?? '');
    const { deliveries, lost } = await claimFrom(outbox, 'crm', 10, LEASE);
    expect(lost).toBe(1);
    expect(deliveries.map(typeOf)).toEqual(['call.ringing']);
  });

  it('looks at no more keys in one exchange than it may take, also where the text of all of them is gone', async () => {
    const { outbox, write, keys, raw } = await open();
    for (let i = 0; i < 20; i += 1) await write(['call.received']);
    await raw.del(keys.events());
    const lost = [];
    for (let i = 0; i < 3; i += 1) lost.push((await claimFrom(outbox, 'crm', 8, LEASE)).lost);
    expect(lost).toEqual([8, 8, 4]);
  });
});

describe('what waits of one call', () => {
  const TYPES = ['call.received', 'call.ringing', 'call.answered'] as const;

  async function openBatches() {
    const all = await open();
    const batches = async (most = 10, mostOfKey = 10, leaseMs = LEASE) =>
      (await all.outbox.work('crm', [], { most, mostOfKey, leaseMs })).batches;
    const batch = async (leaseMs = LEASE) =>
      eventually(async () => {
        const [one] = await batches(10, 10, leaseMs);
        expect(one).toBeDefined();
        return one as Batch;
      });
    const end = (one: Batch, settlement: Parameters<typeof settle>[2], sent?: number) =>
      settleBatch(all.outbox, one, settlement, sent);
    return { ...all, batches, batch, end };
  }

  const listed = ({ deliveries }: Batch) => deliveries.map((one) => [typeOf(one), one.attempt]);
  const [FIRST, SECOND, THIRD] = TYPES;

  it('is taken and written down together, each attempt by itself', async () => {
    const { write, batch, batches, end, backlog, raw, keys, prefix } = await openBatches();
    await write([...TYPES]);
    const taken = await batch();
    expect([listed(taken), taken.followed]).toEqual([TYPES.map((type) => [type, 1]), false]);
    expect(await batches()).toEqual([]);
    expect(await end(taken, { outcome: 'delivered' })).toEqual({ applied: true, more: false, turned: null });
    expect(await backlog()).toMatchObject({ events: 0 });
    expect(await raw.keys(`${prefix}v1:{calls}:out:*`)).toEqual([keys.deliveryLog('crm')]);
    const entries = await raw.xrange(keys.deliveryLog('crm'), '-', '+');
    const callId = taken.orderingKey;
    expect(entries.map(eventCursorOf)).toEqual(taken.deliveries.map(({ cursor }) => cursor));
    expect(entries.map(readLogEntry)).toMatchObject(
      taken.deliveries.map(({ eventId, type }) => ({
        ...{ eventId, type, callId },
        ...{ attempt: 1, outcome: 'delivered', status: 200, latencyMs: 3, response: 'ok' },
      })),
    );
    const told = await raw.hgetall(`${keys.toldPrefix()}${taken.orderingKey}`);
    expect(Object.keys(told)).toEqual(taken.deliveries.map(({ eventId }) => `crm ${eventId}`));
  });

  it('is taken as far as there is room, from each call no more than asked', async () => {
    const { write, batches } = await openBatches();
    for (let i = 0; i < 3; i += 1) await write([...TYPES]);
    const taken = await batches(5, 2);
    expect(taken.map(({ deliveries, followed }) => [deliveries.length, followed])).toEqual([
      [2, true],
      [2, true],
      [1, true],
    ]);
  });

  it('waits behind the one that failed, which alone is counted', async () => {
    const { write, batch, end, backlog } = await openBatches();
    await write([...TYPES]);
    await end(await batch(), { outcome: 'retry', delayMs: 0 }, 2);
    expect(await backlog()).toMatchObject({ events: 2 });
    const again = await batch();
    expect(listed(again)).toEqual([
      [SECOND, 2],
      [THIRD, 1],
    ]);
    await end(again, { outcome: 'retry', delayMs: 0 }, 1);
    expect(listed(await batch())[0]).toEqual([SECOND, 3]);
  });

  it('goes on behind a dead letter', async () => {
    const { write, batch, end, backlog, raw, keys } = await openBatches();
    await write([...TYPES]);
    const taken = await batch();
    await end(taken, { outcome: 'dead', reason: 'HTTP 400' }, 2);
    expect(await backlog()).toMatchObject({ events: 1, dead: 1 });
    const [[, fields]] = (await raw.xrange(keys.dead('crm'), '-', '+')) as [[string, string[]]];
    expect(fields).toEqual(expect.arrayContaining([taken.deliveries[1]?.eventId, 'HTTP 400']));
    expect(listed(await batch())).toEqual([[THIRD, 1]]);
  });

  it('goes back uncounted where it was not sent', async () => {
    const { write, batch, end } = await openBatches();
    await write([...TYPES]);
    await end(await batch(), { outcome: 'returned' });
    const again = await batch();
    expect(listed(again)).toEqual(TYPES.map((type) => [type, 1]));
    await end(again, { outcome: 'abandoned' }, 1);
    expect(listed(await batch())).toEqual([
      [SECOND, 1],
      [THIRD, 1],
    ]);
  });

  it.each<[Settlement, number]>([
    [{ outcome: 'delivered' }, 3],
    [{ outcome: 'retry', delayMs: 60_000 }, 1],
    [{ outcome: 'retry', delayMs: 60_000, pauseMs: 60_000 }, 2],
    [{ outcome: 'dead', reason: 'HTTP 400' }, 1],
    [{ outcome: 'abandoned' }, 1],
    [{ outcome: 'returned' }, 0],
  ])('is written down once where it is said twice, since the first answer was lost: %o', async (settlement, sent) => {
    const { write, batch, end, raw, prefix } = await openBatches();
    await write([...TYPES]);
    const taken = await batch();
    const everything = async () => {
      const names = (await raw.keys(`${prefix}*`)).sort();
      return Promise.all(names.map(async (name) => [name, await raw.dumpBuffer(name)]));
    };
    expect(await end(taken, settlement, sent)).toMatchObject({ applied: true });
    const once = await everything();
    await end(taken, settlement, sent);
    expect(await everything()).toEqual(once);
  });

  it('is not sent again by others as far as a late worker delivered it; its failures count no more', async () => {
    const { write, batch, end, backlog } = await openBatches();
    await write([...TYPES]);
    const late = await batch(1);
    const taker = await batch();
    expect(listed(taker)[0]).toEqual([FIRST, 2]);
    expect(await end(late, { outcome: 'retry', delayMs: 0 }, 1)).toMatchObject({ applied: false });
    expect(await end(late, { outcome: 'retry', delayMs: 60_000 }, 2)).toMatchObject({ applied: false });
    expect(await backlog()).toMatchObject({ events: 2 });
    // What the late one left is due at once, whatever the taker does with what it holds.
    expect(listed(await batch())).toEqual([
      [SECOND, 1],
      [THIRD, 1],
    ]);
    expect(await end(taker, { outcome: 'delivered' }, 3)).toMatchObject({ applied: false });
    expect(await backlog()).toMatchObject({ events: 0 });
  });

  it('ends before an event whose text is gone, which is told when it is the first', async () => {
    const { write, batch, end, kept, raw, keys, outbox } = await openBatches();
    await write([...TYPES]);
    const [, second] = await kept();
    await raw.xdel(keys.events(), second?.cursor.split('.')[0] ?? '');
    const taken = await batch();
    expect([listed(taken), taken.followed]).toEqual([[[FIRST, 1]], true]);
    await end(taken, { outcome: 'delivered' });
    const { lost, batches } = await outbox.work('crm', [], { most: 10, mostOfKey: 10, leaseMs: LEASE });
    expect([lost, batches.map(listed)]).toEqual([1, [[[THIRD, 1]]]]);
  });

  it('of a failing endpoint is probed by one event', async () => {
    const { write, batches, end } = await openBatches();
    for (let i = 0; i < 3; i += 1) await write([...TYPES]);
    for (const one of await batches()) await end(one, { outcome: 'retry', delayMs: 0 }, 1);
    await eventually(async () => {
      const probe = await batches();
      expect(probe.map(({ deliveries }) => deliveries.length)).toEqual([1]);
    });
  });
});

describe('a failing endpoint', () => {
  it('is probed one request at a time, and gets everything when it answers again', async () => {
    const { outbox, write, claim, fail } = await open({ probeFirstMs: 20 });
    for (let i = 0; i < 6; i += 1) await write(['call.received']);
    const [a, b, c] = (await claim(3)) as [Delivery, Delivery, Delivery];
    expect((await fail(a)).turned).toBeNull();
    expect((await fail(b)).turned).toBeNull();
    expect((await fail(c)).turned).toBe('failing');
    const probe = await eventually(async () => {
      const probes = await claim();
      expect(probes).toHaveLength(1);
      return probes[0] as Delivery;
    });
    expect(await claim()).toEqual([]);
    expect(await settle(outbox, probe, { outcome: 'delivered' })).toMatchObject({ turned: 'recovered', more: true });
    expect(await claim()).toHaveLength(5);
  });

  it('is reached by gateways with a former configuration where that still works', async () => {
    const { outbox, write, claim, fail } = await open({ probeFirstMs: 20 });
    for (const fingerprint of ['former', 'present']) await outbox.reconfigured('crm', fingerprint);
    for (let i = 0; i < 4; i += 1) await write(['call.received']);
    for (const delivery of await claim(3)) await fail(delivery);
    const appetite = { most: 1, mostOfKey: 1, leaseMs: LEASE, fingerprint: 'former' };
    const batch = await eventually(async () => {
      const { batches, state } = await outbox.work('crm', [], appetite);
      expect([batches.length, state]).toEqual([1, 'failing']);
      return batches[0] as Batch;
    });
    const traces = [{ at: Date.now(), status: 200, latencyMs: 3, text: 'ok' }];
    const ended = [{ batch, settlement: { outcome: 'delivered' } as const, traces }];
    expect((await outbox.work('crm', ended, appetite)).turned).toBe('recovered');
  });

  it('is not what one indigestible event makes of it', async () => {
    const { write, claimOne, fail, claim } = await open();
    await write(['call.received']);
    for (let i = 0; i < 6; i += 1) expect((await fail(await claimOne(), 0)).turned).toBeNull();
    await write(['call.received']);
    expect(await claim()).toHaveLength(2);
  });

  it('that asks for quiet gets it', async () => {
    const { outbox, write, claim, claimOne } = await open();
    await write(['call.received']);
    await write(['call.received']);
    const delivery = await claimOne();
    const settled = await settle(outbox, delivery, { outcome: 'retry', delayMs: 60_000, pauseMs: 60_000 });
    expect(settled.turned).toBe('failing');
    expect(await claim()).toEqual([]);
  });

  it('that asks for quiet gets it, whatever becomes of what was under way', async () => {
    const { outbox, write, claim, fail } = await open({ probeFirstMs: 1 });
    for (let i = 0; i < 5; i += 1) await write(['call.received']);
    const [asks, succeeds, fails] = (await claim(3)) as [Delivery, Delivery, Delivery];
    await settle(outbox, asks, { outcome: 'retry', delayMs: 60_000, pauseMs: 60_000 });
    expect((await settle(outbox, succeeds, { outcome: 'delivered' })).turned).toBeNull();
    await fail(fails);
    const { deliveries, nextMs, state } = await claimFrom(outbox, 'crm', 10, LEASE);
    expect([deliveries, state]).toEqual([[], 'failing']);
    expect(nextMs).toBeGreaterThan(50_000);
  });

  it('does not delay another', async () => {
    const { outbox, write, claim, fail } = await open();
    for (let i = 0; i < 4; i += 1) await write(['call.received'], ['crm', 'bi']);
    for (const delivery of await claim()) await fail(delivery);
    expect((await claimFrom(outbox, 'bi', 10, LEASE)).deliveries).toHaveLength(4);
  });
});
