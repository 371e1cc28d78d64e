import { describe, expect, it } from 'vitest';
import type { Asker, PoolPolicy } from '../../src/leases/ports.js';
import { LeaseDesk, type LeaseOutcome } from '../../src/leases/desk.js';
import { RedisAdmissions } from '../../src/redis/admissions.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { parseHolderJson } from '../../src/redis/holders.js';
import { numberResource } from '../../src/redis/keys.js';
import { RedisLeases } from '../../src/redis/leases.js';
import { lend, visitor, writeNumber } from '../support/lender.js';
import { eventually, openRedis } from '../support/redis.js';

const POLICY: PoolPolicy = {
  lease: 60_000,
  maxLease: 600_000,
  quarantine: 30_000,
  low: 0.25,
  fallback: '+74950000000',
  holders: 86_400_000,
};
const numbered = (i: number): string => `+7495${1_000_000 + i}`;

/** A pool of `size` numbers of the site "divan", and a desk in front of it. */
async function openPool(size: number, policy: Partial<PoolPolicy> = {}) {
  const redis = await openRedis();
  const { link, keys, raw, prefix } = redis;
  const numbers = Array.from({ length: size }, (_, i) => numbered(i));
  for (const number of numbers) {
    await writeNumber(raw, prefix, number, { site: 'divan', kind: 'dynamic' });
    await raw.zadd(keys.pool('divan'), 0, number);
  }
  const untold: string[] = [];
  const store = new RedisLeases(link, keys, { onUntold: (site) => untold.push(site) });
  const outcomes: LeaseOutcome[] = [];
  const without: string[] = [];
  const desk = new LeaseDesk(store, (site) => (site === 'divan' ? { ...POLICY, ...policy } : null), {
    onOutcome: (_site, outcome) => outcomes.push(outcome),
    onFallback: (site) => without.push(site),
  });
  const ask = (id: string, lengthMs?: number, asker?: Asker) =>
    desk.allocate({ site: 'divan', session: visitor(id), lengthMs, asker });
  /** As if the time had passed: the number is free again. */
  const rest = (number: string) => raw.zadd(keys.pool('divan'), 0, number);
  return { ...redis, numbers, store, desk, ask, rest, untold, outcomes, without };
}

describe('leases', () => {
  it('are idempotent by session: the same one, extended', async () => {
    const { ask, desk, outcomes } = await openPool(3);
    const first = await ask('a', 10_000);
    const again = await ask('a');
    expect(first).toMatchObject({ outcome: 'lent', number: numbered(0), lease: { sessionId: 'a', site: 'divan' } });
    expect(again).toMatchObject({ outcome: 'kept', number: numbered(0), lease: { leaseId: first.lease?.leaseId } });
    expect(again.lease?.leasedAt).toBe(first.lease?.leasedAt);
    expect((again.lease?.expiresAt ?? 0) - (first.lease?.expiresAt ?? 0)).toBeGreaterThan(45_000);
    expect((await ask('b')).number).toBe(numbered(1));
    expect(await desk.findBySession('divan', 'a')).toEqual(again.lease);
    expect(await desk.findByNumber(numbered(0))).toEqual(again.lease);
    expect(await desk.get(first.lease?.leaseId ?? '')).toEqual(again.lease);
    expect(outcomes).toEqual(['lent', 'kept', 'lent']);
  });

  it('give the number that has been free the longest', async () => {
    const { ask, desk, raw, keys } = await openPool(3, { quarantine: 1 });
    const [a, b] = [await ask('a'), await ask('b')];
    await desk.release(b.lease?.leaseId ?? '');
    await eventually(async () =>
      expect(Number(await raw.zscore(keys.pool('divan'), b.number ?? ''))).toBeLessThan(Date.now()),
    );
    await desk.release(a.lease?.leaseId ?? '');
    expect((await ask('c')).number).toBe(numbered(2));
    expect((await ask('d')).number).toBe(b.number);
    expect(
      (
        await eventually(async () => {
          const answer = await ask('e');
          expect(answer.outcome).toBe('lent');
          return answer;
        })
      ).number,
    ).toBe(a.number);
  });

  it('rest after their release: the next visitor goes without, the same one gets his number back', async () => {
    const { ask, desk, rest } = await openPool(1);
    const first = await ask('a');
    await desk.release(first.lease?.leaseId ?? '');
    await desk.release(first.lease?.leaseId ?? '');
    expect(await desk.findByNumber(numbered(0))).toBeNull();
    expect(await ask('b')).toEqual({ outcome: 'fallback', number: '+74950000000', lease: null, promo: null });
    const back = await ask('a');
    expect(back).toMatchObject({ outcome: 'lent', number: numbered(0) });
    expect(back.lease?.leaseId).not.toBe(first.lease?.leaseId);
    await desk.release(back.lease?.leaseId ?? '');
    // The pool may be wrong about the quarantine; the number itself knows who had it last.
    await rest(numbered(0));
    expect(await ask('c')).toMatchObject({ outcome: 'fallback' });
  });

  it('are extended while they stand, and the history has each once with its latest end', async () => {
    const { ask, desk, raw, keys } = await openPool(1);
    const { lease } = await ask('a');
    const extended = await desk.extend(lease?.leaseId ?? '', 120_000);
    expect(extended.expiresAt - (lease?.expiresAt ?? 0)).toBeGreaterThan(50_000);
    expect(await raw.pexpiretime(keys.lease(numbered(0)))).toBe(extended.expiresAt);
    expect(Number(await raw.zscore(keys.pool('divan'), numbered(0)))).toBe(extended.expiresAt + POLICY.quarantine);
    const holders = async () => (await raw.zrange(keys.holders(numbered(0)), 0, -1)).map(parseHolderJson);
    expect(await holders()).toEqual([{ ...extended, number: undefined }]);
    await desk.release(extended.leaseId);
    expect((await holders())[0]?.expiresAt).toBeLessThanOrEqual(Date.now() + 1);
    await expect(desk.extend(extended.leaseId)).rejects.toMatchObject({ code: 'GW_ERR_NOT_FOUND' });
    await expect(desk.get('ls_nonsense')).rejects.toMatchObject({ code: 'GW_ERR_NOT_FOUND' });
  });

  it('longer than allowed are refused, and so are sites that are none', async () => {
    const { ask, desk } = await openPool(1);
    await expect(ask('a', 600_001)).rejects.toMatchObject({ code: 'GW_ERR_BAD_REQUEST' });
    const { lease } = await ask('a', 600_000);
    await expect(desk.extend(lease?.leaseId ?? '', 600_001)).rejects.toMatchObject({ code: 'GW_ERR_BAD_REQUEST' });
    await expect(desk.allocate({ site: 'stol', session: visitor('a') })).rejects.toMatchObject({
      code: 'GW_ERR_BAD_REQUEST',
    });
  });

  it('forget holders that are older than configured', async () => {
    const { ask, raw, keys } = await openPool(1, { holders: 60_000 });
    await raw.zadd(keys.holders(numbered(0)), Date.now() - 61_000, 'old', Date.now() - 50_000, 'young');
    const { lease } = await ask('a');
    expect(await raw.zcard(keys.holders(numbered(0)))).toBe(2);
    expect(await raw.pexpiretime(keys.holders(numbered(0)))).toBe((lease?.expiresAt ?? 0) + 60_000);
  });
});

describe('one address', () => {
  const half = { id: 'office', share: 0.5 };

  it('holds its share of the pool and no more, and the others have the rest', async () => {
    const { ask, outcomes, without, untold } = await openPool(10, { low: 0.1 });
    const held = [];
    for (const id of ['a', 'b', 'c', 'd', 'e']) held.push((await ask(id, undefined, half)).number);
    expect(new Set(held).size).toBe(5);
    const more = await ask('f', undefined, half);
    expect(more).toEqual({ outcome: 'fallback', number: '+74950000000', lease: null, promo: null });
    expect((await ask('a', undefined, half)).number).toBe(held[0]);
    expect((await ask('g', undefined, { id: 'home', share: 0.5 })).outcome).toBe('lent');
    expect((await ask('h')).outcome).toBe('lent');
    expect(outcomes).toEqual(['lent', 'lent', 'lent', 'lent', 'lent', 'held', 'kept', 'lent', 'lent']);
    // Nobody went without for want of numbers, and none runs short.
    expect([without, untold]).toEqual([[], []]);
  });

  it('has three of a small pool, and as many again as have rested', async () => {
    const { ask, raw, keys } = await openPool(5, { lease: 1, quarantine: 1 });
    for (const id of ['a', 'b', 'c']) await ask(id, 30_000, { id: 'office', share: 0.2 });
    expect((await ask('d', 30_000, { id: 'office', share: 0.2 })).outcome).toBe('fallback');
    const [first = ''] = await raw.zrange(keys.poolAsker('divan', 'office'), 0, 0);
    await raw.zadd(keys.poolAsker('divan', 'office'), Date.now() - 1, first);
    expect((await ask('d', 30_000, { id: 'office', share: 0.2 })).outcome).toBe('lent');
    expect(await raw.pttl(keys.poolAsker('divan', 'office'))).toBeGreaterThan(20_000);
  });

  it('does not hold what could not be lent to it', async () => {
    const { ask, raw, keys, prefix, numbers } = await openPool(5);
    for (const number of numbers.slice(0, 2)) await raw.hset(`${prefix}number:{${number}}`, 'enabled', '0');
    expect((await ask('a', undefined, half)).number).toBe(numbers[2]);
    expect(await raw.zrange(keys.poolAsker('divan', 'office'), 0, -1)).toEqual([numbers[2]]);
  });
});

describe('a number that cannot be lent', () => {
  it('is passed over while a call is up on it, except for who has it', async () => {
    const { ask, link, keys, numbers, rest } = await openPool(2);
    const channels = new RedisChannels(link, keys);
    const call = { resource: numberResource(numbers[0] ?? ''), token: 'call-1' };
    await channels.reserve([{ ...call, limit: null }]);
    expect((await ask('a')).number).toBe(numbers[1]);
    expect(await channels.inUse([call.resource])).toEqual(new Map([[call.resource, 1]]));
    await channels.renew([call]);
    await channels.release([call]);
    await rest(numbers[0] ?? '');
    expect((await ask('b')).number).toBe(numbers[0]);
    await channels.reserve([{ ...call, limit: null }]);
    expect(await ask('b')).toMatchObject({ outcome: 'kept', number: numbers[0] });
  });

  it('is passed over when it is disabled, static, of another site or not there at all', async () => {
    const { ask, raw, keys, prefix, numbers } = await openPool(5);
    const [disabled = '', fixed = '', foreign = '', gone = '', good] = numbers;
    await writeNumber(raw, prefix, disabled, { site: 'divan', kind: 'dynamic', enabled: 'No' });
    await writeNumber(raw, prefix, fixed, { kind: 'static' });
    await writeNumber(raw, prefix, foreign, { site: 'stol' });
    await raw.set(keys.number(gone), 'rubbish').catch(() => undefined);
    await raw.del(keys.number(gone));
    expect((await ask('a')).number).toBe(good);
    // What is none of the pool's numbers leaves it; a disabled one is looked at again later.
    expect(await raw.zrange(keys.pool('divan'), 0, -1)).toEqual([disabled, good]);
  });
});

describe('another service that lends too', () => {
  it('is respected: its lease stands, rests afterwards, and is found by its number', async () => {
    const { ask, desk, raw, prefix, numbers, keys, rest } = await openPool(2);
    const [theirs = '', ours] = numbers;
    await lend(raw, prefix, theirs, 'divan', visitor('outsider'));
    expect((await ask('a')).number).toBe(ours);
    expect(await desk.findByNumber(theirs)).toMatchObject({ sessionId: 'outsider', leaseId: 'lease-outsider' });
    expect(Number(await raw.zscore(keys.pool('divan'), theirs))).toBeGreaterThan(Date.now());
    await raw.del(keys.lease(theirs)); // it has taken it back, a moment before its end
    await rest(theirs);
    expect(await ask('b')).toMatchObject({ outcome: 'fallback' });
  });

  it('may have lent dozens in a row, and a hundred and more cost one visitor his number but no alarm', async () => {
    const { ask, raw, prefix, numbers, keys } = await openPool(200, { low: 0.01 });
    const theirs = async (from: number, to: number) => {
      for (const number of numbers.slice(from, to)) await lend(raw, prefix, number, 'divan', visitor(`o-${number}`));
    };
    await theirs(0, 40);
    expect(await ask('a')).toMatchObject({ outcome: 'lent', number: numbers[40] });
    await theirs(41, 190);
    expect(await ask('b')).toMatchObject({ outcome: 'fallback' });
    expect(await raw.llen(keys.poolUntold('divan'))).toBe(0);
    expect(await ask('b')).toMatchObject({ outcome: 'lent', number: numbers[190] });
  });

  it('reads ours in the same keys, and so does an admission', async () => {
    const { ask, raw, prefix, link, keys, numbers } = await openPool(1);
    const number = numbers[0] ?? '';
    const { lease } = await ask('a');
    const fields = await raw.hgetall(`${prefix}lease:{${number}}`);
    expect({ ...fields, session: JSON.parse(fields['session'] ?? '') as unknown }).toEqual({
      leaseId: lease?.leaseId,
      sessionId: 'a',
      site: 'divan',
      leasedAt: String(lease?.leasedAt),
      expiresAt: String(lease?.expiresAt),
      session: visitor('a'),
    });
    const admissions = new RedisAdmissions(link, keys, new RedisChannels(link, keys));
    const answer = await admissions.lookUp(number, Date.now());
    expect({ number, ...answer.lease }).toEqual(lease);
    expect(answer.holders).toHaveLength(1);
  });

  it('overrides us when it writes over our lease: the visitor gets another number', async () => {
    const { ask, desk, raw, prefix, numbers } = await openPool(2);
    const mine = await ask('a');
    await lend(raw, prefix, numbers[0] ?? '', 'divan', visitor('outsider'));
    await expect(desk.extend(mine.lease?.leaseId ?? '')).rejects.toMatchObject({ code: 'GW_ERR_NOT_FOUND' });
    expect(await ask('a')).toMatchObject({ outcome: 'lent', number: numbers[1] });
  });

  it('may have a clock that is wrong, and may write anything', async () => {
    const { ask, raw, prefix, keys, numbers } = await openPool(6);
    const [slow = '', endless = '', rubbish = '', holders = '', ahead = '', good = ''] = numbers;
    await lend(raw, prefix, slow, 'divan', visitor('s'));
    await raw.hset(keys.lease(slow), 'expiresAt', Date.now() - 5_000); // its clock is behind: the key lives on
    await raw.hset(keys.lease(endless), { leaseId: 'x', expiresAt: '99999999999999' });
    await raw.set(keys.lease(rubbish), 'rubbish');
    await raw.zadd(keys.holders(holders), Date.now(), '{"expiresAt":"nan"', Date.now(), '[1]');
    await raw.set(keys.holders(ahead), 'rubbish');
    const lent = [];
    for (const id of ['a', 'b', 'c', 'd']) lent.push((await ask(id)).number);
    expect(lent).toEqual([rubbish, holders, ahead, good]);
    // However far ahead it says the end is: after the longest lease we look again.
    const retryAt = Number(await raw.zscore(keys.pool('divan'), endless));
    expect(retryAt).toBeLessThanOrEqual(Date.now() + POLICY.maxLease + 1_000);
  });

  it('is believed who had a number last, half an emoji in his session or not', async () => {
    const { ask, raw, keys, numbers } = await openPool(2);
    const [his = '', free = ''] = numbers;
    const holder = `{"leaseId":"x","sessionId":"s","site":"divan","expiresAt":${Date.now()},"session":{"keyword":"\\ud83d"}}`;
    await raw.zadd(keys.holders(his), Date.now(), holder);
    expect(await ask('a')).toMatchObject({ outcome: 'lent', number: free });
    expect(await ask('b')).not.toMatchObject({ outcome: 'lent' });
  });
});

describe('a pool that runs dry', () => {
  it('answers with the static number, counts each visitor once, and tells each change for the worse once', async () => {
    const { ask, desk, raw, keys, without, untold, rest, outcomes } = await openPool(4);
    const told = async () =>
      (await raw.lrange(keys.poolUntold('divan'), 0, -1)).map((entry) => entry.split('|').slice(0, 4));
    for (const id of ['a', 'b', 'c']) await ask(id);
    expect(await told()).toEqual([]);
    const last = await ask('d');
    expect(await told()).toEqual([['1', 'low', '0', '4']]);
    for (const id of ['e', 'e', 'f', 'e']) expect((await ask(id)).number).toBe('+74950000000');
    expect(await told()).toEqual([
      ['1', 'low', '0', '4'],
      ['2', 'exhausted', '0', '4'],
    ]);
    expect(without).toEqual(['divan', 'divan']);
    expect(outcomes.filter((outcome) => outcome === 'fallback')).toHaveLength(4);
    expect(untold.length).toBeGreaterThan(0);
    // It recovers quietly, and may then run dry anew.
    await desk.release(last.lease?.leaseId ?? '');
    await raw.del(keys.holders(last.number ?? ''));
    for (const i of [4, 5, 6]) {
      await writeNumber(raw, keys.number('').slice(0, -'number:{}'.length), numbered(i), {
        site: 'divan',
        kind: 'dynamic',
      });
      await rest(numbered(i));
    }
    await rest(last.number ?? '');
    expect((await ask('e')).outcome).toBe('lent');
    expect(await told()).toHaveLength(2);
  });

  it('is not told of where there never was one', async () => {
    const { ask, raw, keys } = await openPool(0);
    expect(await ask('a')).toMatchObject({ outcome: 'fallback' });
    expect(await raw.llen(keys.poolUntold('divan'))).toBe(0);
  });
});
