import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { CallAmender } from '../../src/call/amender.js';
import { NO_RECORDING } from '../../src/call/document.js';
import { callerEraser } from '../../src/composition/eraser.js';
import type { CallersRecordings } from '../../src/recordings/archive.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallers } from '../../src/redis/callers.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisHistoryIndex } from '../../src/redis/history-index.js';
import { RedisUse } from '../../src/redis/use.js';
import { RedisErasure } from '../../src/redis/erasure.js';
import { RedisDeliveryArchive } from '../../src/redis/delivery-archive.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { keptEvents, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';
import { batchOf, claim } from './outbox-steps.js';

const CALLER = '+79160000001';

async function open() {
  const redis = await openRedis();
  const { link, keys } = redis;
  const store = new RedisCallStore(link, keys);
  const callers = new RedisCallers(link, keys);
  const asked: string[] = [];
  let removed: CallersRecordings = { deleted: [], held: [], away: [] };
  const recordings = (outcome: Partial<CallersRecordings>) => (removed = { ...removed, ...outcome });
  const erasure = new RedisErasure(link, keys);
  const eraseCall = erasure.eraseCall.bind(erasure);
  /** Done behind each call that is erased. */
  const meanwhile = (work: () => Promise<void>) => {
    erasure.eraseCall = async (stored, erased) => {
      const removed = await eraseCall(stored, erased);
      await work();
      return removed;
    };
  };
  const history = new RedisHistory(link, keys, { countries: () => [], use: new RedisUse(link, keys) });
  const search = history.search.bind(history);
  const beforeSearch = (work: () => Promise<void>) => {
    history.search = async (query) => {
      await work();
      return await search(query);
    };
  };
  const { erase } = callerEraser({
    erasure,
    callers,
    calls: new RedisAmendments(link, keys, 'here', () => undefined),
    history,
    archive: noArchive,
    eraseRecordings: (number) => {
      asked.push(number);
      return Promise.resolve(removed);
    },
  });
  /** Every value in Redis under this test's prefix, as text. */
  const everything = async (): Promise<string> => {
    const prefix = keys.events().split('v1:')[0] ?? '';
    const names = await redis.raw.keys(`${prefix}*`);
    const dumps = await Promise.all(names.map((name) => redis.raw.dumpBuffer(name)));
    return [...names, ...dumps.map((dump) => dump.toString('latin1'))].join('\n');
  };
  return { ...redis, store, callers, erase, asked, recordings, meanwhile, beforeSearch, everything };
}

/** test/redis/archive.test.ts is about it. */
const noArchive = {
  eraseCaller: (id: string, _number: string, at: string, by: string) =>
    Promise.resolve({ id, at, by, archive: 'done' as const, waitingFor: [], calls: [] }),
  erasure: () => Promise.resolve(null),
};

const ALL = { before: null, from: null, to: null, outcome: null, status: null, eventId: null, limit: 10 };

const recorded = {
  status: 'ready',
  reason: null,
  file: 'divan/2026/11/21/x.wav',
  bytes: 2000,
  sha256: 'ab'.repeat(32),
  durationSeconds: 1,
  sampleRate: 8000,
  channels: ['caller', 'business'],
  silentChannels: [],
  deletedAt: null,
} as const;

describe('forgetting a caller', () => {
  it('leaves his calls as nobody’s, removes the rest, and proves it', async () => {
    const { store, callers, erase, asked, recordings, everything, link, keys, raw } = await open();
    const note = { id: 'n', text: `call ${CALLER} back`, by: 'olga', at: '2026-11-21T11:00:00.000Z' };
    const recording = { ...NO_RECORDING, ...recorded, channels: [...recorded.channels], silentChannels: [] };
    const his = exampleCall({ disposition: 'missed', lossReason: 'no_answer', notes: [note], recording });
    const anothers = exampleCall({ caller: { ...his.caller, number: '+79160000002' } });
    for (const call of [his, anothers]) {
      await store.commit(exampleChange(call, ['call.received', 'call.missed'], { endpoints: ['crm'], closed: true }));
      await callers.note(call);
    }
    recordings({ deleted: [his.id] });
    const proof = await erase(CALLER, 'dpo', null);
    expect(proof).toMatchObject({
      by: 'dpo',
      calls: [his.id],
      events: 2,
      historyCalls: 1,
      recordings: [{ callId: his.id, sha256: recorded.sha256, bytes: 2000 }],
    });
    expect(asked).toEqual([CALLER]);
    expect(await store.get(his.id)).toMatchObject({
      disposition: 'missed',
      caller: { number: null, withheld: false },
      attribution: { verdict: 'exact', session: { visitorId: null, utm: { campaign: 'sofas' } } },
      notes: [],
      recording: { status: 'absent', reason: 'erased', file: null },
    });
    expect((await keptEvents({ link, keys })).every(({ body }) => body.includes(anothers.id))).toBe(true);
    expect(await store.get(anothers.id)).toEqual(anothers);
    const left = await everything();
    expect(left).not.toContain(CALLER);
    expect(left).toContain('+79160000002');
    const [line] = await raw.xrange(keys.erasures(), '-', '+');
    expect(line?.[1][1]).toContain(proof.id);
    // Asked for again: nothing is left to remove.
    expect(await erase(CALLER, 'dpo', null)).toMatchObject({ calls: [], events: 0, historyCalls: 0 });
  });

  it('names the recordings that a legal hold keeps, and those on the disk of another gateway', async () => {
    const { store, erase, recordings } = await open();
    const recording = { ...NO_RECORDING, ...recorded, channels: [...recorded.channels], silentChannels: [] };
    const call = exampleCall({ recording });
    await store.commit(exampleChange(call, ['call.completed'], { closed: true }));
    const other = exampleCall({ recording });
    await store.commit(exampleChange(other, ['call.completed'], { closed: true }));
    const away = [{ callId: other.id, gateway: 'gw-2' }];
    recordings({ held: [call.id], away });
    expect(await erase(CALLER, 'dpo', null)).toMatchObject({ held: [call.id], away, recordings: [] });
    for (const { id } of [call, other])
      expect(await store.get(id)).toMatchObject({ caller: { number: null }, recording });
  });

  it('takes him out of queues, replays, dead letters and what receivers answered', async () => {
    const { store, erase, everything, link, keys, raw } = await open();
    const outbox = new RedisOutbox(link, keys);
    const archive = new RedisDeliveryArchive(link, keys, outbox);
    const his = exampleCall({ disposition: 'missed', lossReason: 'no_answer' });
    const anothers = exampleCall({ caller: { ...his.caller, number: '+79160000002' } });
    const endpoints = ['crm', 'away', 'gone'];
    for (const call of [his, anothers])
      await store.commit(exampleChange(call, ['call.received', 'call.missed'], { endpoints, closed: true }));
    await outbox.trim(endpoints);
    /** Both first events die, and the receiver says what it did not like. */
    for (const endpoint of ['crm', 'gone']) {
      const { deliveries } = await claim(outbox, endpoint, 2, 60_000);
      const ended = deliveries.map((delivery) => ({
        batch: batchOf(delivery),
        settlement: { outcome: 'dead' as const, reason: 'refused' },
        traces: [{ at: Date.now(), status: 400, latencyMs: 3, text: `not understood: ${delivery.body.toString()}` }],
      }));
      expect((await outbox.work(endpoint, ended, { most: 0, mostOfKey: 1, leaseMs: 1 })).applied).toEqual([true, true]);
    }
    // The stream has lost them before they are replayed: each replay carries the event itself.
    await raw.xtrim(keys.events(), 'MAXLEN', 0);
    expect((await archive.revive('crm', 10, null)).queued).toBe(2);
    // One endpoint leaves the configuration; its dead letters stay.
    await raw.zadd(keys.endpoints(), 1, 'gone');
    await outbox.trim(['crm', 'away']);
    expect(await everything()).toContain(CALLER);

    const proof = await erase(CALLER, 'dpo', null);
    expect(proof).toMatchObject({ calls: [his.id], queued: 4, deadLetters: 1, attempts: 1 });
    const left = await everything();
    expect(left).not.toContain(CALLER);
    expect(left).toContain('+79160000002');
    const next = await claim(outbox, 'crm', 10, 60_000);
    expect(next.deliveries.map(({ orderingKey }) => orderingKey)).toEqual([anothers.id]);
    expect((await claim(outbox, 'away', 10, 60_000)).deliveries).toEqual([]);
    expect((await archive.attempts('crm', ALL)).attempts.map(({ callId }) => callId)).toEqual([anothers.id]);
    // With its last dead letter the endpoint itself goes.
    await raw.del(keys.dead('gone'));
    await outbox.trim(['crm', 'away']);
    expect(await raw.zrange(keys.endpoints(), 0, -1)).not.toContain('gone');
  });

  it.each(['ready', 'rebuilding', 'lost', 'begun anew meanwhile'])(
    'finds calls of his that the list of his calls no longer has, the index %s',
    async (state) => {
      const { store, erase, raw, link, keys, beforeSearch, everything } = await open();
      // Cut in the middle of an emoji: Redis' own reader of JSON takes no such text.
      const note = { id: 'n', text: 'call him \ud83d', by: 'olga', at: '2026-11-21T11:00:00.000Z' };
      const call = exampleCall({ disposition: 'missed', lossReason: 'no_answer', notes: [note] });
      // Has his number in it, and is not his.
      const anothers = exampleCall({
        caller: { ...call.caller, number: '+79160000002' },
        trackingNumber: `${CALLER}7`,
      });
      for (const one of [call, anothers]) await store.commit(exampleChange(one, ['call.missed'], { closed: true }));
      await raw.del(keys.callsOf(CALLER));
      const index = new RedisHistoryIndex(link, keys);
      if (state === 'rebuilding') await index.begin();
      if (state === 'lost') await raw.del(...(await raw.keys(`${keys.history()}*`)));
      if (state === 'begun anew meanwhile') beforeSearch(() => index.begin());
      expect(await erase(CALLER, 'dpo', null)).toMatchObject({ calls: [call.id], archive: 'done', archived: [] });
      expect((await everything()).replaceAll(anothers.trackingNumber, '')).not.toContain(CALLER);
      expect(await store.get(anothers.id)).toEqual(anothers);
    },
  );

  it('takes out every delivery of a call, however often it was changed', async () => {
    const { link, keys, raw, store } = await open();
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.missed'], { endpoints: ['crm'], closed: true }));
    const more = Array.from({ length: 9_000 }, (_, n) => `${n + 1}-0`);
    await raw.rpush(keys.todoPrefix('crm') + call.id, ...more);
    await raw.zadd(keys.backlog('crm'), ...more.flatMap((id, n) => [n + 1, id]));
    expect(await new RedisErasure(link, keys).eraseDeliveries([call.id])).toMatchObject({ queued: 9_001 });
    expect(await raw.exists(keys.backlog('crm'), keys.due('crm'), keys.todoPrefix('crm') + call.id)).toBe(0);
  });

  it('is not undone by who had read his call before, and writes it after', async () => {
    const { store, erase, everything, link, keys } = await open();
    const call = exampleCall({ disposition: 'missed', lossReason: 'no_answer' });
    await store.commit(exampleChange(call, ['call.missed'], { endpoints: ['crm'], closed: true }));
    const amendments = new RedisAmendments(link, keys, 'elsewhere', () => undefined);
    const read = amendments.read.bind(amendments);
    amendments.read = async (callId) => {
      const stored = await read(callId);
      if (stored?.call.caller.number) await erase(CALLER, 'dpo', null);
      return stored;
    };
    const amender = new CallAmender({
      store: amendments,
      living: () => null,
      endpointsFor: () => ['crm'],
      logger: pino({ level: 'silent' }),
    });
    const note = { kind: 'note', id: 'n', text: 'calls again', by: 'olga', at: call.startedAt } as const;
    await amender.amend(call.id, note);
    expect(await store.get(call.id)).toMatchObject({ caller: { number: null, erased: true }, notes: [{ id: 'n' }] });
    expect(await everything()).not.toContain(CALLER);
  });

  it('takes along what was still to be written into his call', async () => {
    const { store, erase, everything, link, keys } = await open();
    const call = exampleCall({ disposition: 'missed', lossReason: 'no_answer' });
    await store.commit(exampleChange(call, ['call.received']));
    const amendments = new RedisAmendments(link, keys, 'elsewhere', () => undefined);
    const note = { kind: 'note', id: 'n', text: `call ${CALLER} back`, by: 'olga', at: call.startedAt } as const;
    expect(await amendments.queue(call.id, note)).toBe('queued');
    await store.commit(exampleChange(call, ['call.missed'], { first: 2, closed: true }));
    expect(await erase(CALLER, 'dpo', null)).toMatchObject({ calls: [call.id] });
    expect(await everything()).not.toContain(CALLER);
    expect(await amendments.waiting()).toEqual([]);
  });

  it('is not taken for a loss by who delivers meanwhile', async () => {
    const { link, keys, store, erase, meanwhile } = await open();
    const outbox = new RedisOutbox(link, keys);
    const call = exampleCall({ disposition: 'missed', lossReason: 'no_answer' });
    await store.commit(exampleChange(call, ['call.received', 'call.missed'], { endpoints: ['crm'], closed: true }));
    const lost: number[] = [];
    meanwhile(async () => {
      lost.push((await outbox.work('crm', [], { most: 8, mostOfKey: 1, leaseMs: 60_000 })).lost);
    });
    expect(await erase(CALLER, 'dpo', null)).toMatchObject({ queued: 2, events: 2 });
    expect(lost).toEqual([0]);
  });

  it('waits for the end of his call', async () => {
    const { store, erase, asked } = await open();
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.received']));
    await expect(erase(CALLER, 'dpo', null)).rejects.toMatchObject({ code: 'GW_ERR_CONFLICT' });
    expect(await store.get(call.id)).toEqual(call);
    expect(asked).toEqual([]);
  });
});
