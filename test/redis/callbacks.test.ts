import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { CallAmender } from '../../src/call/amender.js';
import type { Call } from '../../src/call/call.js';
import { callbackDesk } from '../../src/composition/callback-desk.js';
import type { CallbackTold } from '../../src/http/ports.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallbackTurns } from '../../src/redis/callback-turns.js';
import { RedisCallbacks } from '../../src/redis/callbacks.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisEventFeed } from '../../src/redis/event-feed.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisUse } from '../../src/redis/use.js';
import { openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

const START = Date.parse('2026-11-21T10:00:00.000Z');
const MINUTE = 60_000;
const at = (ms: number) => new Date(START + ms).toISOString();

async function open() {
  const { link, keys, raw } = await openRedis();
  const store = new RedisCallStore(link, keys);
  const queued: string[] = [];
  const amendments = new RedisAmendments(link, keys, store.owner, (endpoints) => queued.push(...endpoints));
  const amender = new CallAmender({
    store: amendments,
    living: () => null,
    endpointsFor: () => ['crm'],
    logger: pino({ level: 'silent' }),
  });
  const desk = callbackDesk(new RedisCallbacks(link, keys), amender, () => ['RU']);
  const clock = { now: Date.now() };
  const now = () => clock.now;
  const history = new RedisHistory(link, keys, { countries: () => ['RU'], use: new RedisUse(link, keys), now });
  const turns = new RedisCallbackTurns(link, keys, now);
  const tell = (minutes: number, talkSeconds: number, fields: Partial<CallbackTold> = {}) =>
    desk.report({
      number: '8 916 000-00-01',
      sites: null,
      at: START + minutes * MINUTE,
      talkSeconds,
      line: 'sales-1',
      by: 'pbx',
      ...fields,
    });
  const lose = async (minutes: number, fields: Partial<Call> = {}) => {
    const call = exampleCall({ startedAt: at(minutes * MINUTE), disposition: 'missed', lossReason: 'busy', ...fields });
    await store.commit(exampleChange(call, ['call.received'], { closed: true }));
    return call;
  };
  const queue = (view: 'waiting' | 'settled') =>
    history.missedQueue({ sites: null, view, limit: 10 }).then(({ callers }) => callers);
  const feed = new RedisEventFeed(link, keys);
  const events = async () =>
    (await feed.after(null, 100)).events.map(({ type, body }) => ({ type, ...(JSON.parse(body) as object) }));
  return { link, keys, raw, store, amender, desk, tell, lose, queue, queued, events, clock, turns };
}

describe('a turn', () => {
  const caller = { site: 'divan', number: '+79160000001' };

  it('is one person’s, shown to all, until it is over or he leaves it', async () => {
    const { lose, queue, clock, turns } = await open();
    expect(await turns.take(caller, 'olga', clock.now + MINUTE), 'nobody waits').toBe('gone');
    await lose(0);
    const until = new Date(clock.now + MINUTE).toISOString();
    const takes = ['olga', 'ivan', 'anna'].map((by) => turns.take(caller, by, clock.now + MINUTE));
    const olgas = { by: 'olga', until };
    expect(await Promise.all(takes)).toEqual([olgas, olgas, olgas]);
    expect(await queue('waiting')).toMatchObject([{ taken: olgas }]);
    expect(await turns.take(caller, 'ivan', null), 'not his to leave').toEqual(olgas);
    expect(await turns.take({ ...caller, site: 'shop' }, 'ivan', clock.now + MINUTE)).toBe('gone');
    clock.now += MINUTE;
    expect(await queue('waiting')).toMatchObject([{ taken: null }]);
    expect(await turns.take(caller, 'ivan|x', clock.now + MINUTE)).toMatchObject({ by: 'ivan|x' });
    expect(await turns.take(caller, 'ivan|x', null)).toBeNull();
    expect(await queue('waiting')).toMatchObject([{ taken: null }]);
  });

  it('is ended by who may, if it is still the one that he saw', async () => {
    const { lose, queue, clock, turns } = await open();
    expect(await turns.end(caller, 'olga')).toBe('gone');
    await lose(0);
    expect(await turns.end(caller, 'olga')).toBeNull();
    const olgas = await turns.take(caller, 'olga', clock.now + MINUTE);
    expect(await turns.end(caller, 'ivan')).toEqual(olgas);
    expect(await queue('waiting')).toMatchObject([{ taken: olgas }]);
    expect(await turns.end(caller, 'olga')).toBe('ended');
    expect(await queue('waiting')).toMatchObject([{ taken: null }]);
    await turns.take(caller, 'olga', clock.now + MINUTE);
    clock.now += MINUTE;
    expect(await turns.end(caller, 'olga'), 'over by itself').toBeNull();
  });

  it('stays when he calls in vain again, and goes with him when he has been reached', async () => {
    const { raw, keys, lose, queue, tell, clock, turns } = await open();
    await lose(0);
    await turns.take(caller, 'olga', clock.now + MINUTE);
    await lose(5);
    expect(await queue('waiting')).toMatchObject([{ attempts: 2, taken: { by: 'olga' } }]);
    await tell(20, 65);
    expect(await raw.hlen(`${keys.history()}missed-taken`)).toBe(0);
    await lose(30);
    expect(await queue('waiting')).toMatchObject([{ taken: null }]);
    expect(await queue('settled')).toMatchObject([{ taken: null }]);
  });
});

describe('a call back', () => {
  it('with a talk settles the caller wherever he waits, and is told with the call', async () => {
    const { tell, lose, queue, queued, events, store } = await open();
    const [first, last, shop] = [await lose(0), await lose(5), await lose(6, { site: 'shop' })];
    const other = await lose(7, { caller: { ...exampleCall().caller, number: '+79160000002' } });
    const outcome = await tell(20, 65);
    expect(outcome).toEqual({
      settled: [
        { site: 'divan', callId: last.id, waitedSeconds: 20 * 60 },
        { site: 'shop', callId: shop.id, waitedSeconds: 14 * 60 },
      ],
      tried: [],
    });
    const callback = { at: at(20 * MINUTE), talkSeconds: 65, line: 'sales-1', tries: 0 };
    expect(await store.get(last.id)).toMatchObject({ handled: { by: 'pbx', callback } });
    expect(await store.get(first.id)).toMatchObject({ handled: null });
    expect((await queue('waiting')).map(({ callId }) => callId)).toEqual([other.id]);
    const settled = (await queue('settled')).find(({ site }) => site === 'divan');
    const waited = { waitingSeconds: 20 * 60, settledAt: at(20 * MINUTE), settledBy: null };
    expect(settled).toMatchObject({ state: 'called_back', callId: last.id, attempts: 2, callback, ...waited });
    const handled = (await events()).filter(({ type }) => type === 'call.handled');
    expect(handled).toMatchObject([
      { data: { call: { id: last.id, handled: { callback } } } },
      { data: { call: { id: shop.id, handled: { callback } } } },
    ]);
    expect(queued).toEqual(['crm', 'crm']);
  });

  it('told twice counts once', async () => {
    const { tell, lose, queue, events } = await open();
    await lose(0);
    await tell(1, 0);
    await tell(1, 0);
    expect(await queue('waiting')).toMatchObject([{ tries: 1 }]);
    await tell(2, 65);
    expect(await tell(2, 65)).toEqual({ settled: [], tried: [] });
    expect(await queue('settled')).toHaveLength(1);
    expect((await events()).filter(({ type }) => type === 'call.handled')).toHaveLength(1);
  });

  it('that nobody answered is counted, and the caller waits on', async () => {
    const { tell, lose, queue, raw, keys } = await open();
    const lost = await lose(0);
    expect(await tell(3, 0)).toEqual({ settled: [], tried: [{ site: 'divan', callId: lost.id, tries: 1 }] });
    // Less than a second is no talk, and reports may come late.
    expect((await tell(2, 0.4)).tried).toMatchObject([{ tries: 2 }]);
    expect(await queue('waiting')).toMatchObject([{ tries: 2, lastTryAt: at(3 * MINUTE), state: 'waiting' }]);
    await tell(4, 10);
    expect(await queue('settled')).toMatchObject([{ callback: { tries: 2 } }]);
    expect(await raw.exists(`${keys.history()}missed-tries`)).toBe(0);
    for (let n = 0; n < 30; n += 1) await tell(n, 0);
    expect(await raw.exists(`${keys.history()}missed-tries`)).toBe(0);
    await lose(40);
    for (let n = 0; n < 30; n += 1) await tell(41 + n, 0);
    expect(await queue('waiting')).toMatchObject([{ tries: 30, lastTryAt: at(70 * MINUTE) }]);
    expect((await raw.hvals(`${keys.history()}missed-tries`))[0]?.split(' ')).toHaveLength(20);
  });

  it('was about the calls before it: who has called in vain since waits on', async () => {
    const { tell, lose, queue } = await open();
    await lose(0);
    await lose(30);
    expect(await tell(10, 65)).toEqual({ settled: [], tried: [] });
    expect(await tell(-10, 0)).toEqual({ settled: [], tried: [] });
    expect(await queue('waiting')).toMatchObject([{ attempts: 2, tries: 0 }]);
    // He tried once more while he was being called.
    expect((await tell(29.9, 65)).settled).toHaveLength(1);
  });

  it('settles nobody whose next call was lost just then', async () => {
    const { amender, lose, queue } = await open();
    const [first] = [await lose(0), await lose(5)];
    const callback = { at: at(MINUTE), talkSeconds: 65, line: null, tries: 0 };
    await amender.amend(first.id, { kind: 'called-back', callback, id: 'a-1', by: 'pbx', at: at(MINUTE) });
    expect(await queue('waiting')).toMatchObject([{ attempts: 2 }]);
  });

  it('counts at the sites asked for, for the number as anybody writes it', async () => {
    const { tell, lose, queue } = await open();
    await lose(0);
    await lose(0, { site: 'shop' });
    expect(await tell(9, 65, { sites: [] })).toEqual({ settled: [], tried: [] });
    expect((await tell(9, 65, { sites: ['shop'], number: '+7 (916) 000 00 01' })).settled).toMatchObject([
      { site: 'shop' },
    ]);
    expect((await queue('waiting')).map(({ site }) => site)).toEqual(['divan']);
    for (const number of ['0001', '+', 'nobody', '916*'])
      await expect(tell(9, 65, { number })).rejects.toMatchObject({ code: 'GW_ERR_BAD_REQUEST' });
  });

  it('is taken back like any "done"', async () => {
    const { amender, tell, lose, queue, store } = await open();
    const lost = await lose(0);
    await tell(5, 65);
    await amender.amend(lost.id, { kind: 'handled', handled: false, id: 'a-1', by: 'olga', at: at(6 * MINUTE) });
    expect(await queue('waiting')).toMatchObject([{ callId: lost.id }]);
    expect((await store.get(lost.id))?.handled).toBeNull();
  });
});
