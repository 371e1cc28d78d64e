import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { CallQuery } from '../../src/history/query.js';
import { IndexRebuilder } from '../../src/history/rebuilder.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisHistoryIndex } from '../../src/redis/history-index.js';
import { RedisLeavingCalls } from '../../src/redis/leaving-calls.js';
import { RedisUse } from '../../src/redis/use.js';
import { openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

const START = Date.parse('2026-11-21T10:00:00.000Z');
const CALLS = 180;
const goOn = () => Promise.resolve(true);

async function open() {
  const { link, keys, raw } = await openRedis();
  const store = new RedisCallStore(link, keys);
  const history = new RedisHistory(link, keys, { countries: () => ['RU'], use: new RedisUse(link, keys) });
  const index = new RedisHistoryIndex(link, keys);
  const rebuilder = new IndexRebuilder(index, pino({ level: 'silent' }));
  const end = (call: Call) => store.commit(exampleChange(call, ['call.received'], { closed: true }));
  /** What every query finds. */
  const findings = async () => {
    const found: Record<string, string[]> = {};
    for (const query of QUERIES) {
      const { calls } = await history.search({ sites: null, limit: 1000, ...query });
      found[JSON.stringify(query)] = calls.map(({ id }) => id);
    }
    return found;
  };
  const ids = async (query: Partial<CallQuery>) =>
    (await history.search({ sites: null, limit: 1000, ...query })).calls.map(({ id }) => id);
  const indexKeys = () => raw.keys(`${keys.history()}*`);
  const fill = async () => {
    const calls = Array.from({ length: CALLS }, (_, n) => anyCall(n));
    for (const call of calls) await end(call);
    return calls;
  };
  return { link, keys, raw, store, history, index, rebuilder, end, findings, ids, indexKeys, fill };
}

const QUERIES: Partial<CallQuery>[] = [
  {},
  { sites: ['shop'] },
  { number: '+7916' },
  { number: '8 917' },
  { disposition: 'missed', lossReason: 'busy' },
  { tag: 'repeat' },
  { source: 'billboard' },
  { minTalkSeconds: 30 },
  { from: START + 20_000, to: START + 90_000 },
  { sites: ['divan'], disposition: 'answered', from: START + 40_000 },
];

function anyCall(n: number): Call {
  const answered = n % 3 === 0;
  const base = exampleCall();
  return exampleCall({
    startedAt: new Date(START + n * 1000).toISOString(),
    site: n % 4 === 0 ? 'shop' : 'divan',
    caller: { ...base.caller, number: `+79${16 + (n % 2)}123${String(4500 + n)}` },
    disposition: answered ? 'answered' : 'missed',
    lossReason: answered ? null : n % 2 === 0 ? 'busy' : 'no_answer',
    durations: { ...base.durations, talkSeconds: answered ? n : 0 },
    attribution: { ...base.attribution, session: null, source: n % 5 === 0 ? { label: 'billboard' } : null },
    tags: n % 7 === 0 ? [{ name: 'repeat', by: 'x', at: new Date(START).toISOString() }] : [],
  });
}

describe('the index of the history', () => {
  it('is whole as calls leave it, and where nobody has called', async () => {
    const { index, fill, raw, keys } = await open();
    expect(await index.check()).toEqual({ whole: true, found: 0, calls: 0 });
    await fill();
    expect(await index.check()).toEqual({ whole: true, found: CALLS, calls: CALLS });
    expect(await index.state()).toEqual({ state: 'ready', calls: null, left: 0, since: null });
    // Calls below the floor have left.
    const generation = String(await raw.hget(keys.historyState(), 'generation'));
    await raw.set(`${keys.history()}${generation}:floor`, 10);
    await raw.zremrangebyrank(keys.recentCalls(), 0, 9);
    expect(await index.check()).toMatchObject({ whole: true, found: CALLS - 10 });
  });

  it.each([
    ['all of it', (name: string) => name.length > 0],
    ['its bitmaps', (name: string) => /:(?:cb|all)/.test(name)],
    ['its state', (name: string) => name.endsWith(':state')],
  ])('is made anew where %s is lost: every search finds the same', async (_what, lost) => {
    const { rebuilder, index, fill, findings, indexKeys, raw } = await open();
    await fill();
    const before = await findings();
    expect(Object.values(before).every((found) => found.length > 5)).toBe(true);
    await raw.del(...(await indexKeys()).filter(lost));
    expect(await findings()).not.toEqual(before);
    await rebuilder.check();
    expect(await index.state()).toEqual({ state: 'rebuilding', calls: null, left: 0, since: null });
    await rebuilder.run(goOn);
    expect(await findings()).toEqual(before);
    expect(await index.state()).toMatchObject({ state: 'ready' });
    expect(await index.check()).toEqual({ whole: true, found: CALLS, calls: CALLS });
  });

  it('is made anew from the calls themselves where their list is lost', async () => {
    const { rebuilder, index, fill, findings, raw, keys } = await open();
    const calls = await fill();
    const before = await findings();
    await raw.zrem(keys.recentCalls(), calls[5]?.id ?? '');
    expect(await index.check()).toEqual({ whole: false, found: CALLS, calls: CALLS - 1 });
    await raw.del(keys.recentCalls());
    await rebuilder.check();
    // Until the list is whole, the index stays as it is.
    expect(await findings()).toEqual(before);
    await rebuilder.run(goOn);
    expect(await findings()).toEqual(before);
    expect(await raw.zcard(keys.recentCalls())).toBe(CALLS);
    expect(await raw.zscore(keys.recentCalls(), calls[5]?.id ?? '')).toBe(String(START + 5000));
  });

  it('is not gone on with from a page of the former one: calls would be missed', async () => {
    const { rebuilder, index, fill, history } = await open();
    await fill();
    const { next } = await history.search({ sites: null, limit: 50 });
    const goOnFrom = (cursor: string | null) => history.search({ sites: null, limit: 50, cursor });
    expect((await goOnFrom(next)).calls).toHaveLength(50);
    await index.ask();
    await rebuilder.run(goOn);
    await expect(goOnFrom(next)).rejects.toMatchObject({ code: 'GW_ERR_BAD_REQUEST' });
    expect((await goOnFrom((await goOnFrom(null)).next)).calls).toHaveLength(50);
  });

  it('leaves nothing of the former one', async () => {
    const { rebuilder, index, fill, indexKeys, raw, keys } = await open();
    await fill();
    const former = String(await raw.hget(keys.historyState(), 'generation'));
    // As the first layout had it, without generations.
    await raw.mset(`${keys.history()}places`, 5, `${keys.history()}0:rows`, 'x', `${keys.history()}floor`, 1);
    await index.ask();
    await rebuilder.run(goOn);
    const left = (await indexKeys()).map((key) => key.slice(keys.history().length));
    expect(left.filter((name) => name.startsWith(former) || /^(?:places|floor|0:)/.test(name))).toEqual([]);
    expect(left).toEqual(expect.arrayContaining(['state', 'missed', 'missed-by']));
    expect(await index.isDue()).toBe(false);
  });

  it('is made anew where its version is another one', async () => {
    const { rebuilder, fill, findings, raw, keys } = await open();
    const calls = await fill();
    const before = await findings();
    // What an older gateway found it by, and where.
    for (const { id } of calls.slice(0, 50)) await raw.hset(keys.call(id), 'ix', '7495|7916|s:other d:rejected');
    await raw.hset(keys.historyState(), 'version', '0');
    await rebuilder.check();
    await rebuilder.run(goOn);
    expect(await findings()).toEqual(before);
  });

  it('takes calls and changes while it is made, and goes on where another gateway broke off', async () => {
    const { link, keys, rebuilder, index, fill, end, ids, history } = await open();
    const calls = await fill();
    const missedBefore = (await history.missedQueue({ sites: null, view: 'waiting', limit: 200 })).waiting;
    await index.ask();
    await index.begin();
    expect(await index.state()).toMatchObject({ state: 'rebuilding', calls: CALLS, left: CALLS });
    expect(await ids({})).toEqual([]);
    await index.step();
    const part = await ids({});
    // The newest first.
    expect(part).toEqual(
      calls
        .slice(-part.length)
        .map(({ id }) => id)
        .reverse(),
    );
    const [changed, passed, fresh] = [calls[3], calls[CALLS - 3], anyCall(CALLS + 1)];
    if (!changed || !passed) throw new Error('no calls');
    const tags = [{ name: 'vip', by: 'x', at: changed.startedAt }];
    for (const call of [changed, passed]) await end({ ...call, tags });
    await end(fresh);
    expect(await ids({ tag: 'vip' })).toEqual([passed.id]);
    // The sweep waits: most places have no call yet.
    expect(await new RedisLeavingCalls(link, keys, 'me').oldest(Date.now(), 10)).toEqual([]);
    let steps = 0;
    await rebuilder.run(() => Promise.resolve((steps += 1) < 3));
    expect(await index.state()).toMatchObject({ state: 'rebuilding' });
    await new IndexRebuilder(new RedisHistoryIndex(link, keys), pino({ level: 'silent' })).run(goOn);
    expect(await ids({})).toEqual([fresh, ...calls.toReversed()].map(({ id }) => id));
    expect(await ids({ tag: 'vip' })).toEqual([passed.id, changed.id]);
    expect(await index.check()).toMatchObject({ whole: true, found: CALLS + 1 });
    const oldest = await new RedisLeavingCalls(link, keys, 'me').oldest(Date.parse('2030-01-01'), 3);
    expect(oldest.map(({ id }) => id)).toEqual(calls.slice(0, 3).map(({ id }) => id));
    const { waiting } = await history.missedQueue({ sites: null, view: 'waiting', limit: 200 });
    expect(waiting - missedBefore).toBeLessThanOrEqual(1);
  });

  it('begins once, whoever asks meanwhile, and passes over what cannot be read', async () => {
    const { rebuilder, index, fill, raw, keys, ids } = await open();
    const [first, second] = await fill();
    await raw.del(keys.call(first?.id ?? ''));
    await raw.hset(keys.call(second?.id ?? ''), 'doc', 'rubbish');
    await index.begin();
    const state = await index.state();
    await index.begin();
    await index.ask();
    expect(await index.state()).toEqual(state);
    await rebuilder.run(goOn);
    expect(await index.isDue()).toBe(false);
    expect(await ids({ number: '+7916123', sites: ['shop'] })).not.toContain(first?.id);
    expect(await index.check()).toMatchObject({ whole: true, found: CALLS - 1, calls: CALLS - 1 });
  });
});
