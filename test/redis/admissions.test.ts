import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdmissionQuery, Holder } from '../../src/call/ports.js';
import { RedisAdmissions, type Rubbish } from '../../src/redis/admissions.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { parseHolder, parseHolderJson, parseNumber } from '../../src/redis/holders.js';
import { eventually, openOwnRedis, openRedis } from '../support/redis.js';
import { exampleHolder } from './examples.js';

const NUMBER = '+74951111111';
const AT = 1_500_000;

async function open() {
  const redis = await openRedis();
  const rubbish: Rubbish[] = [];
  const channels = new RedisChannels(redis.link, redis.keys);
  const { held } = channels;
  const admissions = new RedisAdmissions(redis.link, redis.keys, channels, {
    onRubbish: (piece) => rubbish.push(piece),
  });
  const writeNumber = (fields: Record<string, string> = {}) =>
    redis.raw.hset(redis.keys.number(NUMBER), { site: 'divan', kind: 'dynamic', enabled: '1', ...fields });
  const writeLease = async (holder: Holder) => {
    const fields = { ...holder, session: JSON.stringify(holder.session) };
    await redis.raw.hset(redis.keys.lease(NUMBER), fields);
    await redis.raw.zadd(redis.keys.holders(NUMBER), holder.leasedAt, JSON.stringify(holder));
  };
  return { ...redis, admissions, rubbish, channels, held, writeNumber, writeLease };
}

const query = (fields: Partial<AdmissionQuery> = {}): AdmissionQuery => ({
  callId: randomUUID(),
  trackingNumber: NUMBER,
  callerNumber: '+79160000001',
  at: AT,
  inbound: [{ resource: 'trunk-in:carrier-a', token: randomUUID(), limit: 30 }],
  ...fields,
});

describe('admission', () => {
  it('finds number, lease, holders, history and a channel in one round trip', async () => {
    const { admissions, link, held, writeNumber, writeLease } = await open();
    await writeNumber({ route: 'special', source: '{"label":"MKAD 32 km"}' });
    await writeLease(exampleHolder());
    const before = link.exchanges;
    const answer = await admissions.admit(query());
    expect(link.exchanges - before).toBe(1);
    expect(answer).toEqual({
      number: {
        number: NUMBER,
        site: 'divan',
        kind: 'dynamic',
        route: 'special',
        source: { label: 'MKAD 32 km' },
        enabled: true,
      },
      lease: exampleHolder(),
      holders: [exampleHolder()],
      history: {
        previousCalls: 0,
        lastCallAt: null,
        lastDisposition: null,
        lastAnsweredAt: null,
        known: null,
        recent: [],
      },
      rangeCalls: new Map(),
      channels: [{ granted: true, inUse: 1, limit: 30 }],
    });
    expect(held.count('trunk-in:carrier-a')).toBe(1);
  });

  it('knows nothing of an unknown number, and asks no history of a withheld caller', async () => {
    const { admissions, rubbish } = await open();
    const answer = await admissions.admit(query({ callerNumber: null }));
    expect(answer).toMatchObject({ number: null, lease: null, holders: [], history: null });
    expect(rubbish).toEqual([]);
  });

  it.each([
    [1_000_000, true],
    // It stands there, so it has begun: its writer's clock is ahead. By more than a minute it is no clock.
    [999_999, true],
    [940_000, true],
    [939_999, false],
    [1_999_999, true],
    [2_000_000, false],
  ])('a lease from 1,000,000 to 2,000,000 at %d: %s', async (at, covered) => {
    const { admissions, writeLease } = await open();
    await writeLease(exampleHolder());
    const { lease } = await admissions.admit(query({ at }));
    expect(lease !== null).toBe(covered);
  });

  it('refuses the channel above the limit and still answers the rest', async () => {
    const { admissions, held, writeNumber } = await open();
    await writeNumber();
    const inbound = [{ resource: 'trunk-in:carrier-a', token: randomUUID(), limit: 0 }];
    const answer = await admissions.admit(query({ inbound }));
    expect(answer.channels).toEqual([{ granted: false, inUse: 0, limit: 0 }]);
    expect(answer.number?.site).toBe('divan');
    expect(held.count('trunk-in:carrier-a')).toBe(0);
  });

  it('counts a call against all its limits or against none, in the same round trip', async () => {
    const { admissions, channels, held, link } = await open();
    const limits = (token: string) => [
      { resource: 'trunk-in:carrier-a', token, limit: 30 },
      { resource: 'trunk:carrier-a', token, limit: 1 },
    ];
    const before = link.exchanges;
    const first = await admissions.admit(query({ inbound: limits('a') }));
    expect(link.exchanges - before).toBe(1);
    expect(first.channels.map(({ granted }) => granted)).toEqual([true, true]);
    const second = await admissions.admit(query({ inbound: limits('b') }));
    expect(second.channels.map(({ granted }) => granted)).toEqual([true, false]);
    await eventually(async () => {
      const used = await channels.inUse(['trunk-in:carrier-a', 'trunk:carrier-a']);
      expect([...used.values()]).toEqual([1, 1]);
    });
    expect(held.count('trunk-in:carrier-a')).toBe(1);
  });

  it('looks up what stood there at an earlier moment', async () => {
    const { admissions, raw, keys, writeNumber, writeLease } = await open();
    await writeNumber();
    await writeLease(exampleHolder());
    await raw.del(keys.lease(NUMBER));
    await writeLease(exampleHolder({ leaseId: 'lease-2', leasedAt: 3_000_000, expiresAt: 4_000_000 }));
    const answer = await admissions.lookUp(NUMBER, AT);
    expect(answer.lease?.leaseId).toBe('lease-1');
    expect(answer.holders.map(({ leaseId }) => leaseId)).toEqual(['lease-1']);
  });

  it('returns the twenty most recent holders, an extended lease once with its latest end', async () => {
    const { admissions, raw, keys } = await open();
    for (let i = 1; i <= 30; i += 1) {
      const holder = exampleHolder({ leaseId: `lease-${i}`, leasedAt: i, expiresAt: i + 10 });
      await raw.zadd(keys.holders(NUMBER), i, JSON.stringify(holder));
    }
    const extended = exampleHolder({ leaseId: 'lease-30', leasedAt: 30, expiresAt: 99 });
    await raw.zadd(keys.holders(NUMBER), 30, JSON.stringify(extended));
    const { holders } = await admissions.admit(query());
    expect(holders.map(({ leaseId }) => leaseId)).toEqual(Array.from({ length: 20 }, (_, i) => `lease-${30 - i}`));
    expect(holders[0]?.expiresAt).toBe(99);
  });

  it('rejects while Redis is away', async () => {
    const { link, keys, server } = await openOwnRedis();
    const admissions = new RedisAdmissions(link, keys, new RedisChannels(link, keys));
    await server.kill();
    await expect(admissions.admit(query())).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
  });
});

describe('rubbish in the contract keys', () => {
  it('is not what Redis itself refuses: the call goes on by what is known, not as one to an unknown number', async () => {
    const { link, keys, raw } = await openOwnRedis();
    const admissions = new RedisAdmissions(link, keys, new RedisChannels(link, keys));
    await raw.call('ACL', 'SETUSER', 'default', '-zrevrangebyscore');
    await expect(admissions.admit(query())).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    await raw.call('ACL', 'SETUSER', 'default', '+zrevrangebyscore');
    expect((await admissions.admit(query())).number).toBeNull();
  });

  it('keys of a wrong type are passed over and told', async () => {
    const { admissions, raw, keys, rubbish } = await open();
    await raw.set(keys.number(NUMBER), 'text');
    await raw.lpush(keys.lease(NUMBER), 'list');
    await raw.hset(keys.holders(NUMBER), 'a', 'hash');
    const answer = await admissions.admit(query());
    expect(answer).toMatchObject({ number: null, lease: null, holders: [], channels: [{ granted: true }] });
    expect(rubbish.map(({ kind, count }) => [kind, count])).toEqual([
      ['number', 1],
      ['lease', 1],
      ['holders', 1],
    ]);
  });

  it('a megabyte of JSON is not read, and does not hide the good holders', async () => {
    const { admissions, raw, keys, rubbish, writeNumber, writeLease } = await open();
    const long = 'x'.repeat(1_000_000);
    await writeNumber({ source: JSON.stringify({ long }) });
    await writeLease(exampleHolder());
    await raw.hset(keys.lease(NUMBER), 'session', JSON.stringify({ id: 'session-1', long }));
    await raw.zadd(keys.holders(NUMBER), AT - 1, JSON.stringify({ long }));
    const answer = await admissions.admit(query());
    expect(answer.number).toMatchObject({ site: 'divan', source: null });
    expect(answer.lease).toBeNull();
    expect(answer.holders).toEqual([exampleHolder()]);
    expect(rubbish).toContainEqual({ number: NUMBER, kind: 'oversized', count: 3 });
  });

  it.each<[string, Record<string, string>]>([
    ['bad JSON', { session: '{"id":' }],
    ['JSON that is no object', { session: '[1,2]' }],
    ['a time that is no number', { expiresAt: 'tomorrow' }],
    ['a negative time', { leasedAt: '-5' }],
    ['an end before its beginning', { expiresAt: '5' }],
    ['an empty session id', { sessionId: '' }],
    ['an endless lease id', { leaseId: 'x'.repeat(10_000) }],
  ])('a lease with %s', async (_what, fields) => {
    const { admissions, raw, keys, rubbish, writeLease } = await open();
    await writeLease(exampleHolder());
    await raw.hset(keys.lease(NUMBER), fields);
    const answer = await admissions.admit(query());
    expect(answer.lease).toBeNull();
    expect(answer.holders).toHaveLength(1);
    expect(rubbish).toEqual([{ number: NUMBER, kind: 'lease', count: 1 }]);
  });

  it.each(['leaseId', 'sessionId', 'site', 'leasedAt', 'expiresAt', 'session'])('a lease without %s', async (field) => {
    const { admissions, raw, keys, writeLease } = await open();
    await writeLease(exampleHolder());
    await raw.hdel(keys.lease(NUMBER), field);
    expect((await admissions.admit(query())).lease).toBeNull();
  });

  it('a writer whose clock is ahead is told, and his lease counts', async () => {
    const { admissions, rubbish, writeNumber, writeLease } = await open();
    await writeNumber();
    await writeLease(exampleHolder({ leasedAt: AT + 30_000, expiresAt: AT + 600_000 }));
    const answer = await admissions.admit(query());
    expect(answer.lease?.leaseId).toBe('lease-1');
    expect(rubbish).toEqual([{ number: NUMBER, kind: 'skew', count: 1 }]);
    // Of an earlier moment nothing is known but what the clocks said.
    expect((await admissions.lookUp(NUMBER, AT)).lease).toBeNull();
  });

  it("another site's visitors are passed over", async () => {
    const { admissions, rubbish, writeNumber, writeLease } = await open();
    await writeNumber({ site: 'krovat' });
    await writeLease(exampleHolder());
    expect(await admissions.admit(query())).toMatchObject({ lease: null, holders: [] });
    expect(rubbish).toEqual([{ number: NUMBER, kind: 'foreign', count: 2 }]);
  });

  it('a number of unknown kind is dynamic, and is told', async () => {
    const { admissions, rubbish, writeNumber } = await open();
    await writeNumber({ kind: 'magic', enabled: 'false' });
    expect((await admissions.admit(query())).number).toMatchObject({ kind: 'dynamic', enabled: false });
    expect(rubbish).toEqual([{ number: NUMBER, kind: 'number', count: 1 }]);
  });

  it.each([
    ['False', false, 0],
    [' no ', false, 0],
    ['OFF', false, 0],
    ['True', true, 0],
    ['', true, 1],
    ['maybe', true, 1],
  ])('a number whose enabled is %j', async (enabled, expected, told) => {
    const { admissions, rubbish, writeNumber } = await open();
    await writeNumber({ kind: 'Static', enabled });
    expect((await admissions.admit(query())).number).toMatchObject({ kind: 'static', enabled: expected });
    expect(rubbish).toHaveLength(told);
  });

  it('a lease in seconds covers nothing, and is told', async () => {
    const { admissions, raw, keys, rubbish, writeNumber, writeLease } = await open();
    const at = Date.parse('2026-11-21T10:12:00.000Z');
    const seconds = { leasedAt: at / 1000 - 60, expiresAt: at / 1000 + 600 };
    await writeNumber();
    await writeLease(exampleHolder());
    await raw.hset(keys.lease(NUMBER), seconds);
    expect((await admissions.admit(query({ at }))).lease).toBeNull();
    expect(rubbish).toEqual([{ number: NUMBER, kind: 'lease', count: 1 }]);
  });

  it('anything at all in all three keys never fails an admission', async () => {
    const { admissions, raw, keys } = await open();
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constantFrom('', '0', '1e400', 'NaN', 'null'));
    const fields = fc.dictionary(
      fc.constantFrom('site', 'kind', 'route', 'source', 'enabled', 'leaseId', 'sessionId', 'leasedAt', 'session'),
      value,
      { minKeys: 1 },
    );
    await fc.assert(
      fc.asyncProperty(fields, fields, fc.array(value, { maxLength: 5 }), async (number, lease, members) => {
        await raw.del(keys.number(NUMBER), keys.lease(NUMBER), keys.holders(NUMBER));
        await raw.hset(keys.number(NUMBER), number);
        await raw.hset(keys.lease(NUMBER), lease);
        for (const [i, member] of members.entries()) await raw.zadd(keys.holders(NUMBER), i, member);
        const answer = await admissions.admit(query({ inbound: [{ resource: 'any', token: 'one', limit: null }] }));
        expect(answer.channels.map(({ granted }) => granted)).toEqual([true]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('reading holders', () => {
  it('takes numbers and ids without quotes, and leaves unknown fields out', () => {
    const json = JSON.stringify({
      leaseId: 7,
      sessionId: 'session-1',
      site: 'divan',
      leasedAt: '1000000',
      expiresAt: 2_000_000,
      session: { yclid: 123456789, utm: 'none', more: {} },
      more: 1,
    });
    expect(parseHolderJson(json)).toMatchObject({
      leaseId: '7',
      leasedAt: 1_000_000,
      session: { id: 'session-1', yclid: '123456789', utm: { source: null }, gclid: null },
    });
  });

  it('cuts texts at the length of a URL', () => {
    const holder = parseHolder({ ...exampleHolder(), session: { landingPage: 'x'.repeat(5_000) } });
    expect(holder?.session.landingPage).toHaveLength(2_048);
    const odd = parseHolder({ ...exampleHolder(), session: { keyword: `${'x'.repeat(2_047)}😀` } });
    expect(odd?.session.keyword).toBe(`${'x'.repeat(2_047)}\ufffd`);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), fc.json(), (value, json) => {
        parseHolderJson(json);
        parseHolder({ ...exampleHolder(), session: value, leasedAt: value });
        parseNumber(NUMBER, { site: 'divan', source: value, enabled: value });
      }),
    );
  });
});
