import { describe, expect, it, onTestFinished } from 'vitest';
import { pino } from 'pino';
import type { Call } from '../../src/call/call.js';
import type { FeedEvent, FeedPage } from '../../src/http/ports.js';
import { buildOperationalEvent } from '../../src/events/catalogue.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisErasure } from '../../src/redis/erasure.js';
import { RedisEventFeed } from '../../src/redis/event-feed.js';
import { RedisEventTail } from '../../src/redis/event-tail.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { eventually, openOwnRedis, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

type Opened = Pick<Awaited<ReturnType<typeof openRedis>>, 'link' | 'keys' | 'raw'>;

function open({ link, keys, raw }: Opened) {
  const feed = new RedisEventFeed(link, keys);
  const store = new RedisCallStore(link, keys);
  let written = 0;
  const write = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      written += 1;
      const event = buildOperationalEvent('pool.low', { site: 'divan', free: written, total: 40 }, Date.now());
      await store.appendOperational(event, 'divan', []);
    }
  };
  /** Forgets all but the newest. */
  const keep = (count: number) => raw.xtrim(keys.events(), 'MAXLEN', count);
  return { feed, write, keep };
}

const numbers = (events: readonly FeedEvent[]): number[] =>
  events.map(({ body }) => (JSON.parse(body) as { data: { free: number } }).data.free);

describe('the feed', () => {
  it('is read to its end and on from there', async () => {
    const { feed, write } = open(await openRedis());
    const empty = await feed.after(null, 10);
    expect(empty).toMatchObject({ events: [], gap: null, complete: true });
    await write(5);
    const first = await feed.after(empty.next, 3);
    expect(numbers(first.events)).toEqual([1, 2, 3]);
    expect(first).toMatchObject({ gap: null, complete: false });
    const second = await feed.after(first.next, 3);
    expect(numbers(second.events)).toEqual([4, 5]);
    expect(second.complete).toBe(true);
    expect(await feed.after(second.next, 3)).toMatchObject({ events: [], next: second.next, gap: null });
  });

  it('gives the same cursor for an event, however it was reached', async () => {
    const { feed, write } = open(await openRedis());
    await write(6);
    const at = feed.cursorAt(Date.now() - 60_000);
    const whole = (await feed.after(null, 10)).events.map(({ cursor }) => cursor);
    expect((await feed.after(at, 10)).events.map(({ cursor }) => cursor)).toEqual(whole);
    const later = await feed.after((await feed.after(null, 2)).next, 2);
    expect(later.events.map(({ cursor }) => cursor)).toEqual(whole.slice(2, 4));
  });

  it('tells to the event what is gone after a cursor, and where to go on', async () => {
    const { feed, write, keep } = open(await openRedis());
    await write(10);
    const { next } = await feed.after(null, 3);
    await keep(4);
    const page = await feed.after(next, 10);
    expect(page.gap).toMatchObject({ gap: 'gone', lost: 3 });
    expect(numbers((await feed.after(page.gap?.next ?? '', 10)).events)).toEqual([7, 8, 9, 10]);
  });

  it('tells of a time of which nothing is kept, be it that nothing is kept at all', async () => {
    const { feed, write, keep } = open(await openRedis());
    await write(3);
    await keep(0);
    expect(await feed.after(feed.cursorAt(Date.now() - 60_000), 10)).toMatchObject({
      gap: { gap: 'gone', lost: null },
    });
    expect(await feed.after(feed.cursorAt(Date.now() + 60_000), 10)).toMatchObject({ gap: null, complete: true });
  });

  it('goes on behind what was numbered while the clock of Redis was hours ahead', async () => {
    const redis = await openRedis();
    const { feed, write } = open(redis);
    await redis.raw.xadd(redis.keys.events(), `${Date.now() + 3 * 3_600_000}-0`, 'type', 'trunk.up', 'body', '{}');
    const { next } = await feed.after(null, 10);
    await write(1);
    const page = await feed.after(next, 10);
    expect([numbers(page.events), page.gap]).toEqual([[1], null]);
    expect(await feed.after(feed.cursorAt(Date.now() + 4 * 3_600_000), 10)).toMatchObject({ gap: { gap: 'unknown' } });
  });

  it('has nothing lost where all that went was read before', async () => {
    const { feed, write, keep } = open(await openRedis());
    await write(10);
    const { next } = await feed.after(null, 6);
    await keep(4);
    const page = await feed.after(next, 10);
    expect(page.gap).toBeNull();
    expect(numbers(page.events)).toEqual([7, 8, 9, 10]);
  });

  describe('after a caller was forgotten', () => {
    const TYPES = ['call.received', 'call.ringing', 'call.missed'] as const;

    async function openErasure() {
      const opened = await openRedis();
      const all = open(opened);
      const store = new RedisCallStore(opened.link, opened.keys);
      const erasure = new RedisErasure(opened.link, opened.keys);
      const writeCall = async () => {
        const call = exampleCall();
        await store.commit(exampleChange(call, [...TYPES], { closed: true }));
        return call;
      };
      const forget = async (call: Call) =>
        expect(await erasure.eraseCall({ call, sequence: TYPES.length, closed: true }, call)).toBe(TYPES.length);
      const trim = (eventRetentionCount: number) =>
        new RedisOutbox(opened.link, opened.keys, { limits: { eventRetentionCount } }).trim([]);
      /** Trimming is by whole milliseconds. */
      const nextMillisecond = async () => {
        const now = Date.now();
        await eventually(() => expect(Date.now()).toBeGreaterThan(now));
      };
      return { ...opened, ...all, writeCall, forget, trim, nextMillisecond };
    }

    it('goes on for who had read his events, for who had not, and from the beginning', async () => {
      const { feed, write, writeCall, forget } = await openErasure();
      const start = (await feed.after(null, 10)).next;
      await write(2);
      const early = (await feed.after(null, 1)).next;
      const call = await writeCall();
      const end = (await feed.after(null, 10)).next;
      await forget(call);
      await write(1);
      const read = async (after: string | null) => {
        const { events, gap } = await feed.after(after, 10);
        return [numbers(events), gap];
      };
      expect(await read(end)).toEqual([[3], null]);
      expect(await read(early)).toEqual([[2, 3], null]);
      expect(await read(start)).toEqual([[1, 2, 3], null]);
      expect(await read(null)).toEqual([[1, 2, 3], null]);
    });

    it('gives every event the cursor it had, by pages and at once', async () => {
      const { feed, write, writeCall, forget } = await openErasure();
      await write(2);
      const call = await writeCall();
      await write(2);
      const before = (await feed.after(null, 10)).events.map(({ cursor }) => cursor);
      await forget(call);
      const left = [...before.slice(0, 2), ...before.slice(-2)];
      const cursorsOf = ({ events }: FeedPage) => events.map(({ cursor }) => cursor);
      expect(cursorsOf(await feed.after(null, 10))).toEqual(left);
      const first = await feed.after(null, 3);
      expect([...cursorsOf(first), ...cursorsOf(await feed.after(first.next, 3))]).toEqual(left);
      expect(cursorsOf(await feed.after(feed.cursorAt(Date.now() - 60_000), 10))).toEqual(left);
    });

    it('still tells to the event what retention took', async () => {
      const { feed, write, writeCall, forget, trim, nextMillisecond, raw, keys } = await openErasure();
      await write(1);
      const early = (await feed.after(null, 10)).next;
      await write(2);
      const first = await writeCall();
      await write(3);
      await nextMillisecond();
      await write(1);
      const last = await writeCall();
      await write(2);
      await forget(first);
      await forget(last);
      await trim(3);
      // Two, three of the caller's that are past keeping as well, three more.
      expect((await feed.after(early, 10)).gap).toMatchObject({ gap: 'gone', lost: 8 });
      expect(await raw.zcard(keys.erasedEvents())).toBe(3);
      const { next } = await feed.after(null, 1);
      expect((await feed.after(next, 10)).gap).toBeNull();
    });
  });

  it('a cursor from last year: how much is gone cannot be known, that something is can', async () => {
    const { feed, write, keep } = open(await openRedis());
    await write(3);
    const lastYear = feed.cursorAt(Date.now() - 365 * 86_400_000);
    expect((await feed.after(lastYear, 10)).gap).toBeNull();
    await keep(1);
    expect((await feed.after(lastYear, 10)).gap).toMatchObject({ gap: 'gone', lost: null });
  });

  it('a cursor from the future is of no feed of ours', async () => {
    const { feed, write } = open(await openRedis());
    await write(1);
    expect((await feed.after(`${Date.now() + 86_400_000}-0`, 10)).gap).toMatchObject({ gap: 'unknown' });
    await expect(feed.after('(0', 10)).rejects.toMatchObject({ code: 'GW_ERR_BAD_REQUEST' });
  });

  it('a Redis that lost its data has another feed, however much it holds by now', async () => {
    const opened = await openRedis();
    const { feed, write } = open(opened);
    await write(3);
    const { next } = await feed.after(null, 3);
    // Read from a time on, and not yet to the end: how far it is cannot be counted, of which feed it is can be told.
    const byTime = await feed.after(feed.cursorAt(Date.now() - 60_000), 2);
    expect(byTime.complete).toBe(false);
    const later = await feed.after(feed.cursorAt(Date.now() + 60_000), 2);
    await opened.raw.del(opened.keys.events(), opened.keys.identity());
    await write(8);
    const page = await feed.after(next, 10);
    expect(page.gap).toMatchObject({ gap: 'unknown', lost: null });
    expect((await feed.after(byTime.next, 10)).gap).toMatchObject({ gap: 'unknown', lost: null });
    expect((await feed.after(later.next, 10)).gap).toMatchObject({ gap: 'unknown', lost: null });
    expect(numbers((await feed.after(page.gap?.next ?? '', 10)).events)).toHaveLength(8);
  });

  it('so has one that was set back to an older copy', async () => {
    const opened = await openRedis();
    const { feed, write } = open(opened);
    await write(2);
    const copy = await opened.raw.dumpBuffer(opened.keys.events());
    await write(3);
    const { next } = await feed.after(null, 5);
    await opened.raw.restore(opened.keys.events(), 0, copy, 'REPLACE');
    expect((await feed.after(next, 10)).gap).toMatchObject({ gap: 'unknown' });
    await write(5);
    expect((await feed.after(next, 10)).gap).toMatchObject({ gap: 'unknown' });
  });
});

describe('the live tail', () => {
  it('tells all listeners by one read, and reads while somebody listens only', async () => {
    const opened = await openOwnRedis();
    const { feed, write } = open(opened);
    const logger = pino({ level: 'silent' });
    const tail = new RedisEventTail(feed, opened.keys, { url: opened.server.url, name: 'tail', logger, lingerMs: 10 });
    onTestFinished(() => tail.stop());
    const heard: number[][] = [];
    const leave = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const own: number[] = [];
        heard.push(own);
        return await tail.subscribe((events) => own.push(...numbers(events)));
      }),
    );
    await write(3);
    await eventually(() => expect(heard).toEqual(Array(50).fill([1, 2, 3])));
    expect(tail.reads).toBeLessThanOrEqual(4);
    for (const go of leave) go();
    const clients = async () => String(await opened.raw.client('LIST'));
    await eventually(async () => expect(await clients()).not.toContain('name=tail'));
  });

  /** One listener, what he has heard, and his tail's connection to be broken. */
  async function listen() {
    const opened = await openOwnRedis();
    const { feed, write } = open(opened);
    const logger = pino({ level: 'silent' });
    const tail = new RedisEventTail(feed, opened.keys, { url: opened.server.url, name: 'tail', logger });
    onTestFinished(() => tail.stop());
    const heard: FeedEvent[] = [];
    await tail.subscribe((events) => heard.push(...events));
    const breakLink = async () => {
      const [, id = ''] = /id=(\d+) [^\n]*name=tail/.exec(String(await opened.raw.client('LIST'))) ?? [];
      expect(await opened.raw.client('KILL', 'ID', id)).toBe(1);
    };
    return { opened, feed, write, heard, breakLink };
  }

  it('goes on where it was after an outage, with the cursors of the feed', async () => {
    const { feed, write, heard, breakLink } = await listen();
    await write(1);
    await eventually(() => expect(heard).toHaveLength(1));
    await breakLink();
    await write(2);
    await eventually(() => expect(numbers(heard)).toEqual([1, 2, 3]));
    expect((await feed.after(null, 10)).events).toEqual(heard);
  });

  it('gives the cursors of the feed, too, where Redis has come back without its last seconds', async () => {
    const { feed, write, opened, heard, breakLink } = await listen();
    await write(1);
    const copy = await opened.raw.dumpBuffer(opened.keys.events());
    await write(2);
    await eventually(() => expect(heard).toHaveLength(3));
    await opened.raw.restore(opened.keys.events(), 0, copy, 'REPLACE');
    await breakLink();
    await write(1);
    await eventually(() => expect(numbers(heard)).toEqual([1, 2, 3, 4]));
    const [, last] = (await feed.after(null, 10)).events;
    expect(heard.at(-1)).toEqual(last);
    expect((await feed.after(heard.at(-1)?.cursor ?? '', 10)).gap).toBeNull();
  });
});
