import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { Aftercare } from '../../src/call/aftercare.js';
import { CallAmender } from '../../src/call/amender.js';
import { withoutCaller } from '../../src/call/erasure.js';
import { judge } from '../../src/call/attribution.js';
import type { Call } from '../../src/call/call.js';
import type { AdmissionQuery, CallEvent, Holder, ScreeningNeeds } from '../../src/call/ports.js';
import { configSchema } from '../../src/config/schema.js';
import { GatewayError } from '../../src/lib/errors.js';
import { DEFAULT_RATES } from '../../src/numbers/call-rates.js';
import { DEFERRED, judgedByCode } from '../../src/numbers/verdict.js';
import { RedisAdmissions } from '../../src/redis/admissions.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallers } from '../../src/redis/callers.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { RedisErasure } from '../../src/redis/erasure.js';
import { RedisPromoCodes } from '../../src/redis/promo-codes.js';
import { ListBook } from '../../src/screening/lists.js';
import { RedisScreening } from '../../src/redis/screening.js';
import { keptEvents, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange, exampleHolder } from './examples.js';

const NUMBER = '+74951111111';
const OTHER_SITE = '+74953333333';
const CALLER = '+79160000001';
const MINUTE = 60_000;
const T0 = Date.parse('2026-11-21T10:00:00.000Z');
const logger = pino({ level: 'silent' });
const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [{ id: 'divan', defaultRoute: 'none' }],
});

const judgeDeps = { config: () => config, callRates: { of: () => DEFAULT_RATES, learn: () => undefined } };

async function open(needs: ScreeningNeeds = { recentCalls: 0, rangeWindows: [] }) {
  const redis = await openRedis();
  const { link, keys, raw } = redis;
  await raw.hset(keys.number(NUMBER), { site: 'divan', kind: 'dynamic' });
  await raw.hset(keys.number(OTHER_SITE), { site: 'krovat', kind: 'dynamic' });
  const callers = new RedisCallers(link, keys);
  const admissions = new RedisAdmissions(link, keys, new RedisChannels(link, keys), { screening: () => needs });
  const admit = (at: number, fields: Partial<AdmissionQuery> = {}) =>
    admissions.admit({
      callId: randomUUID(),
      trackingNumber: NUMBER,
      callerNumber: CALLER,
      at,
      inbound: [{ resource: 'trunk-in:carrier-a', token: randomUUID(), limit: null }],
      ...fields,
    });
  return { ...redis, callers, admissions, admit };
}

/** A call that came `seconds` after T0, and what became of it. */
const callAt = (seconds: number, fields: Partial<Call> = {}): Call =>
  exampleCall({ startedAt: new Date(T0 + seconds * 1000).toISOString(), ...fields });

const missed = { disposition: 'missed', lossReason: 'no_answer' } as const;
const answered = {
  disposition: 'answered',
  durations: { ringSeconds: 2, talkSeconds: 61.5, totalSeconds: 63.5, addedSetupMs: 11 },
} as const;

describe("a caller's history", () => {
  it('says how often he called this site before, when last, and how that ended', async () => {
    const { callers, admit } = await open();
    expect((await admit(T0)).history).toMatchObject({ previousCalls: 0, lastCallAt: null, lastDisposition: null });
    await callers.note(callAt(0));
    expect((await admit(T0 + 10_000)).history).toMatchObject({
      previousCalls: 1,
      lastCallAt: T0,
      lastDisposition: null,
      lastAnsweredAt: null,
    });
    await callers.note(callAt(60, answered));
    await callers.note(callAt(120, missed));
    expect((await admit(T0 + 200_000)).history).toMatchObject({
      previousCalls: 3,
      lastCallAt: T0 + 120_000,
      lastDisposition: 'missed',
      lastAnsweredAt: T0 + 60_000,
    });
  });

  it('counts a call once, however often it is written, and does not let an older one overtake', async () => {
    const { callers, admit } = await open();
    const call = callAt(60);
    for (const state of [call, { ...call, ...answered }, { ...call, ...answered }]) await callers.note(state);
    await callers.note(callAt(30, missed));
    expect((await admit(T0 + 100_000)).history).toMatchObject({
      previousCalls: 2,
      lastCallAt: T0 + 60_000,
      lastDisposition: 'answered',
    });
  });

  it('is of one site: what he told another business is not told here', async () => {
    const { callers, admit } = await open();
    await callers.note(callAt(0, answered));
    expect((await admit(T0 + 1000, { trackingNumber: OTHER_SITE })).history).toMatchObject({
      previousCalls: 0,
      known: null,
    });
    expect((await admit(T0 + 1000, { trackingNumber: '+74950000000' })).history).toBeNull();
  });

  it('never takes withheld callers for one', async () => {
    const { callers, admit, raw, keys } = await open();
    const call = exampleCall();
    await callers.note({ ...call, caller: { ...call.caller, number: null, withheld: true } });
    expect((await admit(T0, { callerNumber: null })).history).toBeNull();
    expect(await raw.keys(`${keys.caller('*').replace(/[{}]/g, '?')}*`)).toEqual([]);
  });

  it('remembers whose he was, until that was put right', async () => {
    const { callers, admit } = await open();
    const call = callAt(0, answered);
    await callers.note(call);
    const known = async () => (await admit(T0 + 5000)).history?.known ?? null;
    expect(await known()).toEqual({ session: call.attribution.session, leaseId: 'lease-1', confidence: 1, at: T0 });
    // A later call that says nothing leaves it; a returning verdict does not renew it.
    await callers.note(callAt(1, { attribution: { ...call.attribution, verdict: 'returning', confidence: 0.9 } }));
    await callers.note(callAt(2, { attribution: { ...call.attribution, verdict: 'ambiguous', confidence: 0.4 } }));
    expect((await known())?.at).toBe(T0);
    const nobody = { ...call.attribution, verdict: 'none', session: null, leaseId: null } as const;
    await callers.note({ ...call, attribution: nobody });
    expect(await known()).toBeNull();
  });

  it('gives the last calls one by one, and counts those of his range, in the same round trip', async () => {
    const { callers, admit, link } = await open({ recentCalls: 2, rangeWindows: [600_000, 60_000] });
    for (const seconds of [0, 10, 20]) await callers.note(callAt(seconds, answered));
    for (const last of ['2', '3']) await admit(T0 + 20_000, { callerNumber: `+7916000000${last}` });
    await admit(T0 + 20_000, { callerNumber: '+79160001001' });
    const before = link.exchanges;
    const answer = await admit(T0 + 100_000);
    expect(link.exchanges - before).toBe(1);
    expect(answer.history?.recent).toMatchObject([
      { at: T0 + 20_000, trackingNumber: NUMBER, talkSeconds: 61.5 },
      { at: T0 + 10_000, trackingNumber: NUMBER, talkSeconds: 61.5 },
    ]);
    expect([...answer.rangeCalls]).toEqual([
      [600_000, 3],
      [60_000, 1],
    ]);
  });

  it('counts as many of a range as a rule may ask for, and the one that is too many', async () => {
    const { admit, raw, keys } = await open({ recentCalls: 0, rangeWindows: [60_000] });
    const earlier = Array.from({ length: 1000 }, (_, n) => [T0, `call-${n}`]).flat();
    await raw.zadd(keys.callerRange(CALLER.slice(0, -3)), ...earlier);
    expect((await admit(T0 + 1000)).rangeCalls.get(60_000)).toBe(1001);
  });

  it("gives a site's last calls however often he has called another one", async () => {
    const { callers, admit } = await open({ recentCalls: 3, rangeWindows: [] });
    for (let i = 0; i < 10; i += 1) {
      await callers.note(callAt(10 * i, answered));
      await callers.note(callAt(10 * i + 5, { ...answered, site: 'krovat', trackingNumber: OTHER_SITE }));
    }
    const answer = await admit(T0 + 100_000);
    expect(answer.history?.recent.map(({ at }) => (at - T0) / 1000)).toEqual([90, 80, 70]);
    const other = await admit(T0 + 101_000, { trackingNumber: OTHER_SITE });
    expect(other.history?.recent.map(({ at }) => (at - T0) / 1000)).toEqual([95, 85, 75]);
  });

  it('is found later as it was when a call came, without this call and those after it, and is left as it is', async () => {
    const { callers, admissions, admit, link, raw, keys } = await open();
    const before = callAt(0, answered);
    await callers.note(before);
    await callers.note(callAt(60, { ...missed, attribution: { ...before.attribution, confidence: 0.4 } }));
    await admit(T0 + 90_000, { trackingNumber: OTHER_SITE });
    const call = callAt(120, answered);
    const nobody = { ...before.attribution, verdict: 'deferred', session: null, leaseId: null } as const;
    const stored = () =>
      Promise.all([raw.zrange(keys.caller(CALLER), 0, -1, 'WITHSCORES'), raw.hgetall(keys.callerSites(CALLER))]);
    const lookUp = async () =>
      (await admissions.lookUp(NUMBER, T0 + 120_000, { number: CALLER, callId: call.id })).history;
    const asOfThen = {
      previousCalls: 2,
      lastCallAt: T0 + 60_000,
      lastDisposition: 'missed',
      lastAnsweredAt: T0,
      known: { session: before.attribution.session, leaseId: 'lease-1', confidence: 1, at: T0 },
      recent: [],
    };
    expect(await lookUp()).toEqual(asOfThen);
    // The end of the call may be written before it is looked up, and he may have called again.
    await callers.note({ ...call, attribution: nobody });
    expect(await lookUp()).toEqual(asOfThen);
    await callers.note(callAt(180, answered));
    const [exchanges, there] = [link.exchanges, await stored()];
    // Whose he was is kept of the last attributed call only.
    expect(await lookUp()).toEqual({ ...asOfThen, known: null });
    expect(link.exchanges - exchanges).toBe(1);
    expect(await stored()).toEqual(there);
    expect((await admissions.lookUp(NUMBER, T0)).history).toBeNull();
  });

  it('keeps five hundred calls of a caller who never stops', async () => {
    const { admit, raw, keys } = await open();
    for (let n = 0; n < 510; n += 1) await admit(T0 + n);
    expect(await raw.zcard(keys.caller(CALLER))).toBe(500);
    expect(await raw.hlen(keys.callerCalls(CALLER))).toBe(500);
    expect(await raw.pttl(keys.callerCalls(CALLER))).toBeGreaterThan(0);
  });
});

describe('after a call', () => {
  async function openAftercare() {
    const redis = await open();
    const { link, keys, callers, admissions } = redis;
    const store = new RedisCallStore(link, keys, { owner: 'dead' });
    const amendments = new RedisAmendments(link, keys, 'here', () => undefined);
    const amender = new CallAmender({ store: amendments, living: () => null, endpointsFor: () => [], logger });
    const lent = new RedisPromoCodes(link, keys);
    const promoCodes = { find: (site: string, code: string) => lent.findCode(site, code) };
    const aftercare = new Aftercare({
      history: callers,
      calls: amendments,
      amender,
      admissions,
      promoCodes,
      judge: judgeDeps,
      logger,
      recheckMs: 1,
      overdueMs: 0,
    });
    return { ...redis, store, aftercare, amender, amendments, promoCodes };
  }

  it('whoever finds an end that no history knows writes it', async () => {
    const { store, aftercare, admit, callers } = await openAftercare();
    const call = callAt(0, answered);
    await store.commit(exampleChange(call, ['call.received', 'call.completed'], { closed: true }));
    expect(await callers.due(0, 10)).toEqual([call.id]);
    await aftercare.sweep();
    expect((await admit(T0 + 100_000)).history).toMatchObject({ previousCalls: 1, lastDisposition: 'answered' });
    expect(await callers.due(0, 10)).toEqual([]);
  });

  it.each(['its owner, before it is closed', 'anybody, once it is closed'])(
    'what is put right right behind the end counts when the caller calls again, put right by %s',
    async (who) => {
      const { store, aftercare, amender, admit, callers } = await openAftercare();
      const owners = who.startsWith('its owner');
      const call = callAt(0, answered);
      await store.commit(exampleChange(call, ['call.received', 'call.completed'], { closed: !owners }));
      aftercare.ended(call);
      await expect.poll(async () => (await admit(T0 + 1)).history?.lastDisposition).toBe('answered');
      const attribution = { ...call.attribution, leaseId: 'lease-of-the-code', rule: 'operator' };
      if (owners) {
        const change = exampleChange({ ...call, attribution }, ['call.attribution.corrected'], {
          first: 3,
          closed: true,
        });
        await store.commit(change);
      } else {
        const made = { id: 'a', by: 'ops', at: new Date().toISOString() };
        await amender.amend(call.id, { kind: 'attribution', attribution, reason: 'put right', ...made });
      }
      await aftercare.sweep();
      expect((await admit(T0 + 100_000)).history?.known?.leaseId).toBe('lease-of-the-code');
      expect(await callers.due(0, 10)).toEqual([]);
    },
  );

  /** Who had the number from `from` to `to` minutes before T0. */
  const holder = (who: string, from: number, to: number): Holder =>
    exampleHolder({
      leaseId: `lease-${who}`,
      sessionId: who,
      session: { ...exampleHolder().session, id: who, visitorId: who },
      leasedAt: T0 - from * MINUTE,
      expiresAt: T0 - to * MINUTE,
    });

  /** As the deletion of its caller leaves it. */
  async function erase({ link, keys, amendments }: Awaited<ReturnType<typeof openAftercare>>, { id }: Call) {
    const stored = await amendments.read(id);
    if (!stored) throw new Error('the call is not there');
    await new RedisErasure(link, keys).eraseCall(stored, withoutCaller(stored.call, false));
  }

  /**
   * A call at T0 to a number that had these holders, from a phone that was `known` forty minutes before: it is judged,
   * missed, and looked at once more when `late` has been written.
   */
  async function recheck(setting: {
    number?: string;
    holders?: Holder[];
    known?: Holder;
    late?: Holder;
    erased?: boolean;
  }) {
    const redis = await openAftercare();
    const { store, aftercare, callers, admit, raw, keys } = redis;
    const calls: Call[] = [];
    const write = (number: string, lease: Holder) =>
      raw.zadd(keys.holders(number), lease.leasedAt, JSON.stringify(lease));
    const admitted = async (trackingNumber: string, site: string, fields: Partial<Call> = {}): Promise<Call> => {
      const answer = await admit(T0, { trackingNumber });
      const known = answer.history?.known ?? null;
      const attribution = judge(answer, known, T0, judgeDeps);
      const call = callAt(0, { ...missed, ...fields, trackingNumber, site, attribution });
      await store.commit(exampleChange(call, ['call.received', 'call.missed'], { closed: true }));
      aftercare.judged(call, known);
      calls.push(call);
      return call;
    };
    for (const one of setting.holders ?? []) await write(NUMBER, one);
    if (setting.known) {
      const { leaseId, session } = setting.known;
      const attribution = { ...exampleCall().attribution, leaseId, session };
      await callers.note(callAt(-40 * 60, { ...answered, attribution }));
    }
    const call = await admitted(NUMBER, 'divan');
    // Looked at behind it, and found to be another's: what becomes of the first one has been written by then.
    const witness = await admitted(OTHER_SITE, 'krovat', { caller: { ...call.caller, number: '+79160000002' } });
    if (setting.late) await write(NUMBER, setting.late);
    if (setting.erased) await erase(redis, call);
    await write(OTHER_SITE, { ...holder('w', 1, -10), site: 'krovat' });
    for (const one of calls) aftercare.ended(one);
    await expect.poll(async () => (await store.get(witness.id))?.attribution.verdict).toBe('exact');
    aftercare.stop();
    const events = (await keptEvents(redis)).map(({ body }) => JSON.parse(body) as CallEvent);
    return {
      first: call.attribution,
      told: events.filter(({ type, data }) => type === 'call.attribution.corrected' && data.call.id === call.id),
    };
  }

  /** A call at T0 that came while Redis was away, and has ended since; one lease covers it. */
  async function deferredCall(redis: Awaited<ReturnType<typeof openAftercare>>, caller?: Partial<Call['caller']>) {
    const lease = holder('v', 1, -10);
    await redis.raw.zadd(redis.keys.holders(NUMBER), lease.leasedAt, JSON.stringify(lease));
    const call = callAt(0, { ...answered, attribution: DEFERRED, site: 'divan' });
    call.caller = { ...call.caller, ...caller };
    await redis.store.commit(exampleChange(call, ['call.received', 'call.completed'], { closed: true }));
    return call;
  }

  it.each([
    ['whose number is known', CALLER],
    ['who withheld his number', null],
  ])('the verdict on a deferred call of a caller %s is found after its gateway has died', async (_, number) => {
    const redis = await openAftercare();
    const { aftercare, store, callers } = redis;
    const call = await deferredCall(redis, { number });
    // The gateway that wrote the end lived to note the caller's history, and no longer.
    aftercare.ended(call);
    await expect.poll(() => callers.due(0, 10)).toEqual([call.id]);
    await aftercare.sweep();
    expect((await store.get(call.id))?.attribution).toMatchObject({ verdict: 'exact', leaseId: 'lease-v' });
    await aftercare.sweep();
    expect(await callers.due(0, 10)).toEqual([]);
    const types = (await keptEvents(redis)).map(({ type }) => type);
    expect(types).toEqual(['call.received', 'call.completed', 'call.attribution.corrected']);
  });

  it('what a code has settled early is completed after its gateway has died', async () => {
    const redis = await openAftercare();
    const { aftercare, amender, store, callers, raw, keys } = redis;
    const source = { utm_source: 'billboard' };
    await raw.hset(keys.number(NUMBER), { kind: 'static', source: JSON.stringify(source) });
    const call = await deferredCall(redis, { firstCall: null });
    const made = { id: 'a', by: 'gateway', at: new Date().toISOString() };
    const attribution = judgedByCode(holder('v', 1, -10), T0);
    await amender.amend(call.id, { kind: 'attribution', attribution, reason: 'promo code', ...made });
    for (let sweep = 0; sweep < 2; sweep += 1) await aftercare.sweep();
    const settled = await store.get(call.id);
    expect(settled).toMatchObject({ attribution: { ...attribution, source }, caller: { firstCall: true } });
    expect(await callers.due(0, 10)).toEqual([]);
  });

  it('is looked for again where Redis fails in between', async () => {
    const away = new GatewayError('GW_ERR_REDIS_AWAY', 'away again');
    const redis = await openAftercare();
    const { aftercare, store, admissions } = redis;
    vi.spyOn(admissions, 'lookUp').mockRejectedValueOnce(away).mockRejectedValueOnce(away);
    const call = await deferredCall(redis);
    await aftercare.deferred(call);
    await expect(aftercare.sweep()).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    expect((await store.get(call.id))?.attribution.verdict).toBe('deferred');
    await aftercare.sweep();
    expect((await store.get(call.id))?.attribution.verdict).toBe('exact');
  });

  it('a code that was given while Redis was away is asked for until it answers, and what it answers is final', async () => {
    const away = new GatewayError('GW_ERR_REDIS_AWAY', 'away again');
    const redis = await openAftercare();
    const { aftercare, store, promoCodes, raw, keys } = redis;
    const find = vi.spyOn(promoCodes, 'find').mockRejectedValueOnce(away).mockRejectedValueOnce(away);
    const call = callAt(0, { ...answered, site: 'divan' });
    await store.commit(exampleChange(call, ['call.received', 'call.completed'], { closed: true }));
    await raw.set(keys.promoCode('divan', '48210'), JSON.stringify(holder('shown', 1, -10)));
    await aftercare.codeGiven(call, '48210');
    await expect(aftercare.sweep()).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    for (let sweep = 0; sweep < 2; sweep += 1) await aftercare.sweep();
    expect((await store.get(call.id))?.attribution).toMatchObject({ verdict: 'promo', leaseId: 'lease-shown' });
    await aftercare.codeGiven(call, '11111');
    await aftercare.sweep();
    expect(find.mock.calls.map(([, code]) => code)).toEqual(['48210', '48210', '48210', '11111']);
  });

  it('a lease that was written too late is found, once, and told', async () => {
    const { first, told } = await recheck({ late: holder('c', 1, -10) });
    expect(first.verdict).toBe('none');
    expect(told.map(({ data }) => data)).toMatchObject([
      { old: { verdict: 'none' }, new: { verdict: 'exact', leaseId: 'lease-c' } },
    ]);
  });

  it('nobody is found for a caller who was forgotten meanwhile', async () => {
    expect((await recheck({ late: holder('c', 1, -10), erased: true })).told).toEqual([]);
  });

  it('nor by a code, or by what Redis could not say before', async () => {
    const redis = await openAftercare();
    const { aftercare, store, raw, keys } = redis;
    const call = await deferredCall(redis);
    await raw.set(keys.promoCode('divan', '48210'), JSON.stringify(holder('shown', 1, -10)));
    await erase(redis, call);
    await aftercare.deferred(call);
    await aftercare.codeGiven(call, '48210');
    expect((await store.get(call.id))?.attribution).toMatchObject({ leaseId: null, session: null });
  });

  it('nor by another gateway, where the one that had the call has died', async () => {
    const redis = await openAftercare();
    const { aftercare, store, callers } = redis;
    const call = await deferredCall(redis);
    expect(await callers.due(0, 10)).toEqual([call.id]);
    await erase(redis, call);
    await aftercare.sweep();
    expect(await callers.due(0, 10)).toEqual([]);
    expect((await store.get(call.id))?.attribution).toMatchObject({ leaseId: null, session: null });
  });

  it('a caller who was known by his phone is not given to another who had the number too', async () => {
    const [a, b] = [holder('a', 60, 30), holder('b', 20, 5)];
    const { first, told } = await recheck({ holders: [a, b], known: a });
    expect(first).toMatchObject({ verdict: 'returning', leaseId: 'lease-a' });
    expect(told).toEqual([]);
  });

  it('nor to one whose lease was written too late', async () => {
    const [a, b] = [holder('a', 60, 30), holder('b', 20, 5)];
    const { told } = await recheck({ holders: [a], known: a, late: b });
    expect(told).toEqual([]);
  });

  it('a lease that was taken back by deleting it does not come to life', async () => {
    // Its holder's entry keeps the end that it once had.
    const { first, told } = await recheck({ holders: [holder('a', 5, -10)] });
    expect(first).toMatchObject({ verdict: 'grace', leaseId: 'lease-a' });
    expect(told).toEqual([]);
  });
});

describe('block and allow lists', () => {
  it('are seen by every gateway, and by one whose Redis is away', async () => {
    const { link, keys } = await openRedis();
    const store = new RedisScreening(link, keys);
    const sites = () => [{ id: 'divan', screening: { allow: [], block: ['+7809*'] } }];
    const book = new ListBook({ sites, store, logger });
    const entry = { pattern: CALLER, list: 'block', by: 'ops', at: '2026-11-21T10:00:00.000Z' } as const;
    await store.set('divan', entry);
    expect(book.of('divan').block).toEqual(['+7809*']);
    await book.refresh();
    expect(book.of('divan')).toEqual({ allow: [], block: ['+7809*', CALLER] });
    expect(await store.entries('divan')).toEqual([entry]);
    await store.set('divan', { ...entry, list: 'allow' });
    await book.refresh();
    expect(book.of('divan')).toEqual({ allow: [CALLER], block: ['+7809*'] });
    expect([await store.remove('divan', CALLER), await store.remove('divan', CALLER)]).toEqual([true, false]);
    link.close();
    await book.refresh();
    expect(book.of('divan').allow).toEqual([CALLER]);
  });
});
