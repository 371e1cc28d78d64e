import { describe, expect, it } from 'vitest';
import type { Call, Leg } from '../../src/call/call.js';
import { hasNumber, numberPatterns } from '../../src/history/numbers.js';
import type { CallQuery } from '../../src/history/query.js';
import { fits } from '../../src/history/slots.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallbacks } from '../../src/redis/callbacks.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisUse } from '../../src/redis/use.js';
import { buildCallEvent, writeDown } from '../../src/events/catalogue.js';
import { openRedis } from '../support/redis.js';
import { exampleCall, exampleLeg, exampleChange } from './examples.js';

const START = Date.parse('2026-11-21T10:00:00.000Z');
const at = (ms: number) => new Date(START + ms).toISOString();

async function open() {
  const { link, keys, raw } = await openRedis();
  const store = new RedisCallStore(link, keys);
  const amendments = new RedisAmendments(link, keys, store.owner, () => undefined);
  const history = new RedisHistory(link, keys, { countries: () => ['RU'], use: new RedisUse(link, keys) });
  const end = (call: Call) => store.commit(exampleChange(call, ['call.received'], { closed: true }));
  const amend = async (callId: string, change: (call: Call) => void) => {
    const stored = await amendments.read(callId);
    if (!stored) throw new Error('no such call');
    change(stored.call);
    const event = writeDown(buildCallEvent('call.tagged', stored.call, stored.sequence + 1, Date.now()));
    const amendment = { kind: 'handled', handled: true, id: `a-${stored.sequence}`, by: 'test', at: at(0) } as const;
    expect(await amendments.write(stored, event, [], amendment)).toBe('written');
  };
  const ids = async (query: Partial<CallQuery>) =>
    (await history.search({ sites: null, limit: 200, ...query })).calls.map(({ id }) => id);
  return { link, keys, raw, store, history, end, amend, ids };
}

const caller = (number: string | null, name: string | null = null): Call['caller'] => ({
  ...exampleCall().caller,
  number,
  name,
});
const missed = (fields: Partial<Call> = {}): Call =>
  exampleCall({ disposition: 'missed', lossReason: 'no_answer', ...fields });
const answered = (talkSeconds: number, fields: Partial<Call> = {}): Call =>
  exampleCall({
    disposition: 'answered',
    durations: { ringSeconds: 3, talkSeconds, totalSeconds: talkSeconds + 3, addedSetupMs: 11 },
    ...fields,
  });
const leg = (fields: Partial<Leg>): Leg => {
  const times = { startedAt: at(0), ringingAt: at(0), endedAt: at(9_000) };
  return exampleLeg({ kind: 'line', target: 'sales-1', ...times, result: 'no_answer', sip: 480, ...fields });
};

/** Small numbers of everything, so that combinations occur. */
function anyCall(n: number): Call {
  const pick = <T>(list: readonly T[], salt: number): T => list[((n + 1) * (salt * 7919 + 104_729)) % list.length] as T;
  const disposition = pick(['answered', 'missed', 'missed', 'rejected'] as const, 3);
  const talkSeconds = disposition === 'answered' ? pick([0.4, 4, 59, 61, 600, 5000], 5) : 0;
  const base = exampleCall();
  return exampleCall({
    startedAt: at(n * 1000),
    site: pick(['divan', 'shop', null], 1),
    trunk: pick(['carrier-a', 'carrier-b'], 2),
    trackingNumber: pick(['+74951111111', '+74952222222', '+998712000000'], 4),
    caller: caller(
      pick(['+79160000001', '+79161234567', '+79261234567', '+998901234567', null], 7),
      pick(['Алёна Иванова', 'ИВАНОВ Пётр', 'O‘ktam Li', "D'Artagnan", '8 916', null], 12),
    ),
    disposition,
    lossReason: disposition === 'missed' ? pick(['no_answer', 'destination_capacity', 'busy'] as const, 6) : null,
    durations: { ...base.durations, talkSeconds },
    attribution: {
      ...base.attribution,
      verdict: pick(['exact', 'grace', 'none'] as const, 8),
      session: null,
      source: pick<Record<string, string> | null>(
        [{ utm_source: 'billboard', label: 'MKAD 32 km' }, { utm_source: 'Яндекс' }, null],
        9,
      ),
    },
    legs: [leg({ target: pick(['sales-1', 'sales-2', 'main-office'], 10) })],
    tags: pick([[], ['Callback'], ['callback', 'not a lead']], 11).map((name) => ({ name, by: 'x', at: at(0) })),
  });
}

/** What the search must say, said the slow way. */
function expected(calls: Call[], query: CallQuery): string[] {
  const number = query.number === undefined ? null : numberPatterns(query.number, ['RU']);
  const { sites, disposition, lossReason, verdict, trunk, target, from = 0, to = Infinity } = query;
  return calls
    .filter((call) => fits(call, query))
    .filter((call) => sites === null || (call.site !== null && sites.includes(call.site)))
    .filter((call) => !number || hasNumber(call, number))
    .filter((call) => (disposition ?? call.disposition) === call.disposition)
    .filter((call) => (lossReason ?? call.lossReason) === call.lossReason)
    .filter((call) => (verdict ?? call.attribution.verdict) === call.attribution.verdict)
    .filter((call) => (trunk ?? call.trunk) === call.trunk)
    .filter((call) => target === undefined || call.legs.some((one) => one.target === target))
    .filter(({ startedAt }) => Date.parse(startedAt) >= from && Date.parse(startedAt) < to)
    .map(({ id }) => id)
    .reverse();
}

const QUERIES: Partial<CallQuery>[] = [
  {},
  { sites: ['divan'] },
  { sites: ['divan', 'shop'] },
  { sites: [] },
  { number: '+7916' },
  { number: '8 (916) 123' },
  { number: '916 12' },
  { number: '8-916-123-45-67' },
  { number: '4567' },
  { number: '2222222' },
  { number: '810 998 90' },
  { number: '+447' },
  { callerName: 'иван' },
  { callerName: 'иванова алена' },
  { callerName: 'ИВАНОВ ё' },
  { callerName: 'oktam' },
  { callerName: 'li' },
  { callerName: 'o' },
  { callerName: 'dart', number: '+7916' },
  { callerName: 'артём' },
  { disposition: 'missed', lossReason: 'destination_capacity' },
  { tag: 'CALLBACK' },
  { tag: 'not a lead', verdict: 'exact' },
  { source: 'яндекс' },
  { source: 'mkad, billboard' },
  { source: 'mkad yandex' },
  { trunk: 'carrier-b', target: 'sales-2' },
  { minTalkSeconds: 60 },
  { minTalkSeconds: 5, maxTalkSeconds: 60 },
  { maxTalkSeconds: 0 },
  { from: START + 20_000, to: START + 90_000 },
  { sites: ['shop'], number: '4567', disposition: 'answered', from: START + 10_000, minTalkSeconds: 1 },
];

describe('search', () => {
  it('finds exactly what fits, the newest first, whole and page by page', async () => {
    const { history, end } = await open();
    const calls = Array.from({ length: 150 }, (_, n) => anyCall(n));
    for (const call of calls) await end(call);
    for (const part of QUERIES) {
      const query: CallQuery = { sites: null, limit: 200, ...part };
      const whole = await history.search(query);
      const wanted = expected(calls, query);
      expect(
        whole.calls.map(({ id }) => id),
        JSON.stringify(part),
      ).toEqual(wanted);
      expect(whole.next).toBeNull();
      const paged: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await history.search({ ...query, limit: 7, cursor });
        expect(page.approximateTotal).toBe(whole.approximateTotal);
        paged.push(...page.calls.map(({ id }) => id));
        cursor = page.next;
      } while (cursor !== null);
      expect(paged, JSON.stringify(part)).toEqual(wanted);
    }
  });

  it('goes on where it was while new calls come in', async () => {
    const { history, end } = await open();
    const calls = Array.from({ length: 6 }, (_, n) => anyCall(n));
    for (const call of calls) await end(call);
    const first = await history.search({ sites: null, limit: 3 });
    await end(anyCall(7));
    const second = await history.search({ sites: null, limit: 3, cursor: first.next });
    const newestFirst = calls.map(({ id }) => id).reverse();
    expect([...first.calls, ...second.calls].map(({ id }) => id)).toEqual(newestFirst);
  });

  it('looks at times of calls, however late they were written', async () => {
    const { end, ids } = await open();
    const [early, late, middle] = [5_000, 90_000, 50_000].map((ms) => exampleCall({ startedAt: at(ms) }));
    for (const call of [early, late, middle]) if (call) await end(call);
    expect(await ids({ from: START + 40_000, to: START + 60_000 })).toEqual([middle?.id]);
    expect(await ids({ from: START + 60_000 })).toEqual([late?.id]);
    expect(await ids({ to: START + 40_000 })).toEqual([early?.id]);
  });

  it('finds a call by what it is now, and no longer by what it was', async () => {
    const { store, end, amend, ids } = await open();
    const call = exampleCall({ tags: [{ name: 'repeat', by: 'x', at: at(0) }] });
    await store.commit(exampleChange(call, ['call.received']));
    expect(await ids({ sites: ['divan'] })).toEqual([call.id]);
    expect(await ids({ disposition: 'missed' })).toEqual([]);
    await end({ ...call, disposition: 'missed', lossReason: 'busy' });
    expect(await ids({ disposition: 'missed', tag: 'repeat' })).toEqual([call.id]);
    await amend(call.id, (one) => {
      one.tags = [{ name: 'not a lead', by: 'x', at: at(0) }];
      one.caller = caller(null);
      one.attribution = { ...one.attribution, session: null };
    });
    expect(await ids({ tag: 'not a lead', disposition: 'missed' })).toEqual([call.id]);
    for (const gone of [{ tag: 'repeat' }, { number: '+79160000001' }, { source: 'yandex' }])
      expect(await ids(gone)).toEqual([]);
  });

  it('refuses a cursor that it did not give out', async () => {
    const { history, end, raw, keys } = await open();
    await end(anyCall(0));
    const generation = String(await raw.hget(keys.historyState(), 'generation'));
    for (const cursor of ['x', '-5.', '1', '1.2.3', `${generation}.2.3.4`, `${generation}.9999999999999.`])
      await expect(history.search({ sites: null, limit: 5, cursor })).rejects.toMatchObject({
        code: 'GW_ERR_BAD_REQUEST',
      });
    expect(await history.search({ sites: null, limit: 5, cursor: `${generation}.0.` })).toMatchObject({
      calls: [],
      next: null,
    });
  });

  it('leaves nothing of its work in Redis', async () => {
    const { history, end, raw, keys } = await open();
    for (let n = 0; n < 5; n += 1) await end(anyCall(n));
    const before = (await raw.keys(`${keys.history()}*`)).sort();
    for (const query of QUERIES) await history.search({ sites: null, limit: 2, ...query });
    expect((await raw.keys(`${keys.history()}*`)).sort()).toEqual(before);
  });
});

describe('missed callers', () => {
  const waiting = { sites: null, view: 'waiting', limit: 10 } as const;

  it('wait, lost for capacity first and then the latest, once however often they tried', async () => {
    const { end, history } = await open();
    const call = (n: number, number: string, fields: Partial<Call> = {}) =>
      missed({ startedAt: at(n * 60_000), caller: caller(number), ...fields });
    const last = call(9, '+79160000001');
    await end(call(1, '+79160000001'));
    await end(call(2, '+79160000002', { lossReason: 'destination_capacity' }));
    await end(call(3, '+79160000003', { site: 'shop' }));
    await end(call(4, '+79160000004', { lossReason: 'lines_busy' }));
    await end(last);
    await end(missed({ caller: caller(null) })); // nobody to call back
    const page = await history.missedQueue(waiting);
    expect(page).toMatchObject({ waiting: 4, waitingForCapacity: 2, next: null });
    expect(page.callers.map(({ call: one }) => one?.caller.number?.slice(-1))).toEqual(['4', '2', '1', '3']);
    expect(page.callers[2]).toMatchObject({ callId: last.id, attempts: 2, firstAt: at(60_000), lastAt: at(540_000) });
    const shop = await history.missedQueue({ ...waiting, sites: ['shop'] });
    expect(shop).toMatchObject({ waiting: 1, waitingForCapacity: 0 });
    const second = await history.missedQueue({ ...waiting, limit: 3, cursor: '3' });
    expect(second.callers.map(({ site }) => site)).toEqual(['shop']);
  });

  it('are called back when they talk to the same site later, and handled when somebody says so', async () => {
    const { end, amend, history } = await open();
    const [lost, other] = [missed({ startedAt: at(0) }), missed({ caller: caller('+79160000002') })];
    await end(lost);
    await end(other);
    await end(answered(30, { startedAt: at(50_000), site: 'shop' }));
    await end(answered(0.3, { startedAt: at(55_000) }));
    expect((await history.missedQueue(waiting)).waiting).toBe(2);
    const talk = answered(30, { startedAt: at(60_000) });
    await end(talk);
    await amend(other.id, (call) => (call.handled = { by: 'crm', at: at(0), callback: null }));
    expect((await history.missedQueue(waiting)).callers).toEqual([]);
    const settled = await history.missedQueue({ ...waiting, view: 'settled' });
    expect(settled.callers).toMatchObject([
      { state: 'handled', callId: other.id, settledBy: null },
      { state: 'called_back', callId: lost.id, settledBy: talk.id, attempts: 1 },
    ]);
    await amend(other.id, (call) => (call.handled = null));
    expect((await history.missedQueue(waiting)).callers).toMatchObject([{ callId: other.id, attempts: 1 }]);
  });

  it('wait again as they did where "handled" is taken back, beside what has come since', async () => {
    const { end, amend, history, link, keys } = await open();
    const handled = (is: boolean) => (call: Call) =>
      (call.handled = is ? { by: 'crm', at: at(200_000), callback: null } : null);
    const calls = [1, 2, 3].map((n) =>
      missed({ startedAt: at(n * 60_000), lossReason: n === 1 ? 'lines_busy' : 'busy' }),
    );
    const [first, last, since] = calls as [Call, Call, Call];
    await end(first);
    await end(last);
    const callbacks = new RedisCallbacks(link, keys);
    const digits = first.caller.number?.slice(1) ?? '';
    await callbacks.note({ numbers: [digits], sites: null, at: Date.parse(at(130_000)), talkSeconds: 0 });
    const [before] = (await history.missedQueue(waiting)).callers;
    expect(before).toMatchObject({ attempts: 2, forCapacity: true, firstAt: at(60_000), tries: 1 });
    await amend(first.id, handled(true));
    const settled = { ...waiting, view: 'settled' } as const;
    expect((await history.missedQueue(settled)).callers).toMatchObject([
      { attempts: 2, tries: 1, lastTryAt: at(130_000) },
    ]);
    await amend(first.id, handled(false));
    const [again] = (await history.missedQueue(waiting)).callers;
    expect(again).toEqual({ ...before, call: again?.call, waitingSeconds: again?.waitingSeconds });
    expect((await history.missedQueue(settled)).callers).toEqual([]);
    await amend(first.id, handled(true));
    await end(since);
    await amend(first.id, handled(false));
    expect((await history.missedQueue(waiting)).callers).toMatchObject([
      { attempts: 3, callId: since.id, firstAt: at(60_000), lastAt: at(180_000), forCapacity: true, tries: 1 },
    ]);
  });

  it('wait on where a call of theirs that was answered is marked as handled', async () => {
    const { end, amend, history } = await open();
    const [talk, lost] = [answered(30, { startedAt: at(0) }), missed({ startedAt: at(60_000) })];
    await end(talk);
    await end(lost);
    await amend(talk.id, (call) => (call.handled = { by: 'crm', at: at(90_000), callback: null }));
    expect((await history.missedQueue(waiting)).callers).toMatchObject([{ callId: lost.id, attempts: 1 }]);
  });

  it('are forgotten with their number', async () => {
    const { end, amend, history } = await open();
    const lost = missed();
    await end(lost);
    await amend(lost.id, (call) => (call.caller = caller(null)));
    expect((await history.missedQueue(waiting)).waiting).toBe(0);
  });
});

describe('operators', () => {
  it('have what came to each line, once a call', async () => {
    const { end, history } = await open();
    const talk = answered(20, {
      legs: [
        leg({ target: 'sales-1', ringingAt: at(0), endedAt: at(9_000) }),
        leg({ target: 'sales-2', answeredAt: at(4_000), endedAt: at(24_000), result: 'answered' }),
        leg({ target: 'sales-3', result: 'cancelled', endedAt: at(4_000) }),
      ],
    });
    await end(talk);
    await end({ ...talk, tags: [{ name: 'x', by: 'x', at: at(0) }] });
    await end(missed({ legs: [leg({ kind: 'destination', target: 'main', result: 'no_channel', ringingAt: null })] }));
    await end(missed({ site: 'shop', legs: [leg({ target: 'sales-2' })] }));
    const range = { from: START, to: START + 3_600_000 };
    expect(await history.operators({ sites: ['divan'], ...range })).toEqual([
      { kind: 'line', target: 'sales-1', offered: 1, answered: 0, missed: 1, ringSeconds: 9, talkSeconds: 0 },
      { kind: 'line', target: 'sales-2', offered: 1, answered: 1, missed: 0, ringSeconds: 4, talkSeconds: 20 },
      { kind: 'line', target: 'sales-3', offered: 1, answered: 0, missed: 0, ringSeconds: 4, talkSeconds: 0 },
    ]);
    const [, second] = await history.operators({ sites: null, ...range });
    expect(second).toMatchObject({ target: 'sales-2', offered: 2, missed: 1, ringSeconds: 13 });
  });
});
