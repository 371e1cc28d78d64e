import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { lostIn, MissedRestorer } from '../../src/history/missed-restorer.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisMissedEntries } from '../../src/redis/missed-entries.js';
import { RedisUse } from '../../src/redis/use.js';
import { openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

const START = Date.parse('2026-11-21T10:00:00.000Z');
const MINUTE = 60_000;
const at = (minutes: number) => new Date(START + minutes * MINUTE).toISOString();
const goOn = () => Promise.resolve(true);
const numberOf = (caller: number) => `+791600000${String(10 + caller)}`;

function callAt(minutes: number, fields: Partial<Call> & { from?: number; talk?: number } = {}): Call {
  const { from = 1, talk = 0, ...rest } = fields;
  const base = exampleCall();
  return exampleCall({
    startedAt: at(minutes),
    endedAt: at(minutes + 0.5),
    caller: { ...base.caller, number: numberOf(from) },
    durations: { ...base.durations, talkSeconds: talk },
    disposition: talk > 0 ? 'answered' : 'missed',
    lossReason: talk > 0 ? null : 'busy',
    ...rest,
  });
}

async function open() {
  const { link, keys, raw } = await openRedis();
  const store = new RedisCallStore(link, keys);
  const history = new RedisHistory(link, keys, {
    countries: () => [],
    use: new RedisUse(link, keys),
    now: () => START + 3000 * MINUTE,
  });
  const entries = new RedisMissedEntries(link, keys);
  const restorer = new MissedRestorer(entries, history, pino({ level: 'silent' }));
  const end = async (call: Call) => {
    await store.commit(exampleChange(call, ['call.received'], { closed: true }));
    return call;
  };
  const handle = async (call: Call, handledAt: string, callback: NonNullable<Call['handled']>['callback'] = null) => {
    call.handled = { by: 'olga', at: handledAt, callback };
    await store.commit(exampleChange(call, ['call.handled'], { first: 2, closed: true }));
  };
  const read = async (view: 'waiting' | 'settled') =>
    (await history.missedQueue({ sites: null, view, limit: 200 })).callers;
  const queue = () => read('waiting');
  const settled = async () => (await read('settled')).map((one) => `${one.state} ${one.callback ? 'by us' : ''}`);
  const names = ['missed', 'missed-by', 'missed-tries'].map((name) => `${keys.history()}${name}`);
  return { raw, keys, entries, restorer, end, handle, queue, settled, names };
}

/** Calls of some callers, who are lost, talk, are called back and are taken care of. */
async function live({ end, handle }: Awaited<ReturnType<typeof open>>): Promise<void> {
  const lost = new Map<string, Call[]>();
  for (let minute = 0, seed = 7; minute < 300; minute += 1) {
    seed = (seed * 48_271) % 2_147_483_647;
    const [from, site, what] = [seed % 9, seed % 5 === 0 ? null : 'divan', (seed >> 4) % 8];
    const waiting = lost.get(`${site ?? ''}|${from}`) ?? [];
    lost.set(`${site ?? ''}|${from}`, waiting);
    const last = waiting.at(-1);
    if (what < 4)
      waiting.push(await end(callAt(minute, { from, site, lossReason: what === 0 ? 'trunk_capacity' : 'busy' })));
    else if (what === 4) await end(callAt(minute, { from, site, talk: 20 }));
    // Too short to be a talk.
    else if (what === 5)
      await end(callAt(minute, { from, site, talk: 0.4, disposition: 'answered', lossReason: null }));
    else if (what === 6 && waiting[0]?.handled === null) await handle(waiting[0], at(minute));
    else if (what === 7 && last?.handled === null)
      await handle(last, at(minute + 0.9), { at: at(minute), talkSeconds: 30, line: null, tries: 0 });
  }
}

describe('the queue of missed callers', () => {
  it('is whole as calls leave it', async () => {
    const house = await open();
    await house.entries.close();
    await live(house);
    expect((await house.queue()).length).toBeGreaterThan(5);
    expect(new Set(await house.settled())).toEqual(new Set(['handled ', 'called_back ', 'called_back by us']));
    expect(await house.entries.areWhole()).toBe(true);
  });

  it.each([
    ['all of it', [0, 1, 2]],
    ['its order', [0]],
    ['the entries', [1]],
  ])('is made anew from the calls where %s is lost', async (_what, lost) => {
    const house = await open();
    await house.entries.close();
    await live(house);
    const before = await house.queue();
    await house.raw.del(...lost.map((n) => house.names[n] ?? ''));
    expect(await house.entries.areWhole()).toBe(false);
    await house.restorer.run(goOn);
    expect(await house.queue()).toEqual(before);
    expect(await house.entries.areWhole()).toBe(true);
  });

  it('stays as it is where only its count is lost', async () => {
    const house = await open();
    await live(house);
    const before = await house.queue();
    expect(await house.entries.areWhole()).toBe(false);
    await house.restorer.run(goOn);
    expect(await house.queue()).toEqual(before);
  });

  it('keeps what has happened since it was lost, and goes on where it was broken off', async () => {
    const house = await open();
    await house.entries.close();
    const [first, second] = [await house.end(callAt(1)), await house.end(callAt(2, { from: 2 }))];
    await house.raw.del(...house.names);
    const again = await house.end(callAt(3));
    await house.restorer.run(() => Promise.resolve(false));
    expect((await house.queue()).map(({ callId }) => callId)).toEqual([again.id]);
    await house.restorer.run(goOn);
    expect(await house.queue()).toMatchObject([
      { callId: again.id, attempts: 2, firstAt: first.startedAt },
      { callId: second.id, attempts: 1 },
    ]);
    // Read before he called again, or was taken care of.
    const old = { site: 'divan', attempts: 9, firstAt: 0, lastAt: START, forCapacity: false };
    expect(await house.entries.put({ ...old, number: numberOf(1), callId: first.id })).toBe(false);
    await house.handle(second, at(5));
    expect(await house.entries.put({ ...old, number: numberOf(2), callId: second.id })).toBe(false);
    expect((await house.queue()).map(({ attempts }) => attempts)).toEqual([2]);
  });
});

it('a call back settles what was lost before it, not what was lost before it was told', () => {
  const callback = { at: at(10), talkSeconds: 60, line: null, tries: 0 };
  const calls = [
    callAt(20),
    callAt(5, { handled: { by: 'pbx', at: at(30), callback } }),
    callAt(1, { lossReason: 'trunk_capacity' }),
  ];
  expect(lostIn(calls)).toMatchObject({ attempts: 1, callId: calls[0]?.id, forCapacity: false });
  expect(lostIn(calls.slice(1))).toBeNull();
});

it('a talk that is taken care of settles what was lost before it, and nothing later', () => {
  const talk = callAt(5, { talk: 30, handled: { by: 'olga', at: at(30), callback: null } });
  const lost = callAt(20);
  expect(lostIn([lost, talk])).toMatchObject({ attempts: 1, callId: lost.id });
  expect(lostIn([talk, callAt(1)])).toBeNull();
});
