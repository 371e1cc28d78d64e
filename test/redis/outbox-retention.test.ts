import { describe, expect, it } from 'vitest';
import type { FeedEvent } from '../../src/http/ports.js';
import { RedisDeliveryArchive } from '../../src/redis/delivery-archive.js';
import { eventually } from '../support/redis.js';
import { openOutbox as open, settle } from './outbox-steps.js';

describe('retention', () => {
  // Trimming is by whole milliseconds: what is to be kept must not share one with what is to go.
  const nextMillisecond = async (kept: () => Promise<FeedEvent[]>) => {
    const [entry] = (await kept()).slice(-1);
    await eventually(() => expect(Date.now()).toBeGreaterThan(Number(entry?.cursor.split('-')[0])));
    return entry;
  };

  it('trims by age and by count, but not what is undelivered', async () => {
    const { outbox, write, kept, claim } = await open({ eventRetentionMs: 0 });
    await write(['call.received'], []);
    await nextMillisecond(kept);
    await write(['call.ringing'], ['crm']);
    await write(['call.answered'], []);
    await eventually(async () => {
      await outbox.trim(['crm']);
      expect((await kept()).map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
        'call.ringing',
        'call.answered',
      ]);
    });
    for (const delivery of await claim()) await settle(outbox, delivery, { outcome: 'delivered' });
    await eventually(async () => {
      await outbox.trim(['crm']);
      expect(await kept()).toEqual([]);
    });
  });

  it('keeps the newest of too many', async () => {
    const { outbox, write, kept } = await open({ eventRetentionCount: 3 });
    const written = [];
    for (let i = 0; i < 10; i += 1) {
      await write(['call.received'], []);
      written.push(await nextMillisecond(kept));
    }
    await outbox.trim([]);
    expect(await kept()).toEqual(written.slice(-3));
  });

  it.each([
    ['too many', { eventRetentionCount: 100 }],
    ['too old', { eventRetentionMs: 0 }],
  ])(
    'takes all that is %s in one trim, and a thousand at most while Redis serves nobody else',
    async (_what, limits) => {
      const { outbox, raw, keys, link } = await open(limits);
      const pipe = raw.pipeline();
      const start = Date.now() - 60_000;
      for (let i = 1; i <= 5_000; i += 1) pipe.xadd(keys.events(), `${start + i}-0`, 'id', String(i));
      for (let i = 1; i <= 100; i += 1) pipe.xadd(keys.events(), `${start + 3_600_000 + i}-0`, 'id', 'late');
      await pipe.exec();
      const before = link.exchanges;
      expect(await outbox.trim([])).toEqual({ trimmed: 5_000, drops: [] });
      expect(link.exchanges - before).toBeGreaterThanOrEqual(5);
      expect(await raw.xlen(keys.events())).toBe(100);
    },
  );

  it('stops trimming where the undelivered begin', async () => {
    const { outbox, write, raw, keys } = await open({ eventRetentionCount: 2 });
    for (let i = 0; i < 5; i += 1) await write(['call.received']);
    await write(['call.received'], []);
    expect(await outbox.trim(['crm'])).toMatchObject({ trimmed: 0 });
    expect(await raw.xlen(keys.events())).toBe(6);
  });

  it('leaves a dead letter that was queued again its full time, however old its event is', async () => {
    const { outbox, backlog, claim, link, keys, raw } = await open({ eventRetentionMs: 0 });
    const old = Date.now() - 31 * 86_400_000;
    const event = ['id', 'evt_old', 'type', 'call.missed', 'at', new Date(old).toISOString(), 'body', '{}'];
    const letter = (key: string, at: number) =>
      raw.xadd(keys.dead('crm'), '*', 'event', `${at}-0`, 'key', key, 'attempts', '9', 'reason', 'HTTP 500', ...event);
    await letter('a', old);
    const last = await letter('b', old + 1);
    const archive = new RedisDeliveryArchive(link, keys, outbox);
    const before = Date.now();
    const first = await archive.revive('crm', 1, null);
    expect(first).toEqual({ queued: 1, seen: 1, next: last });
    expect(await outbox.trim(['crm'])).toMatchObject({ drops: [] });
    // A receiver that still refuses makes letters of them as fast as they are queued: those are for another time.
    await letter('c', old + 2);
    expect(await archive.revive('crm', 1, first.next)).toEqual({ queued: 1, seen: 1, next: null });
    expect(await raw.xlen(keys.dead('crm'))).toBe(1);
    // One that was queued again before that and whose time is over.
    await raw.hset(keys.replays('crm'), `${old}-0`, JSON.stringify({ at: old, fields: event }));
    await raw.zadd(keys.backlog('crm'), old, `${old}-0`);
    expect(await outbox.trim(['crm'])).toMatchObject({ drops: [{ endpoint: 'crm', reason: 'age', events: 1 }] });
    expect((await backlog())?.oldestAt).toBeGreaterThanOrEqual(before);
    expect((await claim()).map(({ orderingKey, ageMs }) => [orderingKey, ageMs < 60_000])).toEqual([['b', true]]);
  });

  it('drops no dead letter without telling of it: the old ones, and the oldest of too many', async () => {
    const { outbox, write, kept, raw, keys } = await open({ undeliveredCount: 2 });
    await write(['call.received']);
    const old = Date.now() - 31 * 86_400_000;
    const letter = (at: number, id: string) => raw.xadd(keys.dead('crm'), id, 'event', `${at}-0`, 'key', 'a');
    for (const n of [1, 2, 3]) await letter(old, `${old}-${n}`);
    for (const n of [1, 2, 3]) await letter(old + n, '*');
    const { drops } = await outbox.trim(['crm']);
    expect(drops.toSorted((a, b) => a.events - b.events)).toEqual([
      { endpoint: 'crm', reason: 'count', events: 1 },
      { endpoint: 'crm', reason: 'age', events: 3 },
    ]);
    const bodies = (await kept()).map(({ body }) => JSON.parse(body) as { type: string; data: object });
    const told = bodies.filter(({ type }) => type === 'events.dropped').map(({ data }) => data);
    expect(told).toHaveLength(2);
    expect(told).toContainEqual({ endpoint: 'crm', events: 3, reason: 'age', oldestSeconds: 31 * 86_400 });
    expect(await raw.xlen(keys.dead('crm'))).toBe(2);
    expect(await outbox.trim(['crm'])).toMatchObject({ drops: [] });
  });

  it('drops what was queued for an endpoint that nobody serves any more', async () => {
    const { outbox, write, claimOne, raw, keys, prefix } = await open({ unservedMs: 1_000 });
    await write(['call.received', 'call.ringing']);
    await write(['call.received']);
    await claimOne();
    expect(await outbox.trim(['crm'])).toMatchObject({ drops: [] });
    await raw.zadd(keys.endpoints(), 1, 'crm');
    expect(await outbox.trim([])).toMatchObject({ drops: [{ endpoint: 'crm', reason: 'unserved', events: 3 }] });
    expect(await raw.keys(`${prefix}v1:{calls}:out:*`)).toEqual([]);
    expect(await raw.zcard(keys.endpoints())).toBe(0);
  });
});
