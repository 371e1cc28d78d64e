import { describe, expect, it } from 'vitest';
import { RedisNumbers } from '../../src/redis/numbers.js';
import { openRedis } from '../support/redis.js';

const dynamic = { number: '+74951111111', site: 'divan', kind: 'dynamic' as const };
const fixed = { number: '+74952222222', site: 'divan', kind: 'static' as const, source: { label: 'MKAD 32 km' } };

/** Two gateways with files of their own. */
async function openTwo() {
  const redis = await openRedis();
  const { link, keys } = redis;
  return { ...redis, one: new RedisNumbers(link, keys, 'gw-1'), two: new RedisNumbers(link, keys, 'gw-2') };
}

describe('the numbers of the configuration', () => {
  it('stand in the contract keys, however often they are written', async () => {
    const { link, keys, raw } = await openRedis();
    const numbers = new RedisNumbers(link, keys, 'gw-1');
    await numbers.write([{ ...dynamic, route: 'special' }, fixed]);
    await numbers.write([dynamic, fixed]);
    expect(await raw.hgetall(keys.number(fixed.number))).toEqual({
      site: 'divan',
      kind: 'static',
      source: '{"label":"MKAD 32 km"}',
      enabled: '1',
      by: 'config',
    });
    expect(await numbers.read(dynamic.number)).toEqual({ ...dynamic, route: null, source: null, enabled: true });
    expect(await numbers.read('+70000000000')).toBeNull();
  });

  it('leave Redis when they leave the configuration, unless somebody else wrote them', async () => {
    const { link, keys, raw } = await openRedis();
    const numbers = new RedisNumbers(link, keys, 'gw-1');
    await numbers.write([dynamic, fixed]);
    await raw.hset(keys.number(fixed.number), 'by', 'pool');
    await numbers.write([]);
    expect(await numbers.read(dynamic.number)).toBeNull();
    expect(await numbers.read(fixed.number)).toMatchObject({ kind: 'static' });
  });

  it('keep what another service disabled, and replace what is no number', async () => {
    const { link, keys, raw } = await openRedis();
    const numbers = new RedisNumbers(link, keys, 'gw-1');
    await raw.hset(keys.number(dynamic.number), 'enabled', '0');
    await raw.set(keys.number(fixed.number), 'rubbish');
    expect(await numbers.read(fixed.number)).toBeNull();
    await numbers.write([dynamic, fixed]);
    expect(await numbers.read(dynamic.number)).toMatchObject({ enabled: false });
    expect(await numbers.read(fixed.number)).toMatchObject({ kind: 'static' });
  });

  it('stay while any gateway has them: one that knows them no longer, or not yet, takes none away', async () => {
    const { one, two, raw, keys } = await openTwo();
    await two.write([dynamic, fixed]);
    await one.write([fixed]);
    await one.write([fixed]);
    expect(await one.read(dynamic.number)).toMatchObject({ site: 'divan' });
    expect(await raw.zrange(keys.pool('divan'), 0, -1)).toEqual([dynamic.number]);
    await one.write([]);
    expect(await one.read(fixed.number)).not.toBeNull();
    await two.write([]);
    expect(await one.read(dynamic.number)).toBeNull();
    expect(await one.read(fixed.number)).toBeNull();
    expect(await raw.zrange(keys.numberIndex('divan'), 0, -1)).toEqual([]);
    expect(await raw.keys(keys.numberFiles('*').replace(/[{}]/g, '?'))).toEqual([]);
  });

  it('go with a gateway that has not been heard of for a day, but for those that another has', async () => {
    const { one, two, raw, keys } = await openTwo();
    await one.write([fixed]);
    await two.write([dynamic, fixed]);
    await one.keepWord();
    expect(await one.read(dynamic.number)).not.toBeNull();
    expect(Number(await raw.zscore(keys.numberGateways(), 'gw-2'))).toBeGreaterThan(Date.now() + 86_000_000);
    await raw.zadd(keys.numberGateways(), Date.now() - 1, 'gw-2');
    await one.keepWord();
    expect(await one.read(dynamic.number)).toBeNull();
    expect(await one.read(fixed.number)).not.toBeNull();
    expect(await raw.zrange(keys.numberGateways(), 0, -1)).toEqual(['gw-1']);
    expect(await raw.exists(keys.configuredNumbers('gw-2'))).toBe(0);
    // It was away only.
    await two.write([dynamic, fixed]);
    expect(await one.read(dynamic.number)).not.toBeNull();
  });

  it('may be thousands', async () => {
    const { link, keys } = await openRedis();
    const numbers = new RedisNumbers(link, keys, 'gw-1');
    const many = Array.from({ length: 2_345 }, (_, i) => ({ ...dynamic, number: `+7495${1_000_000 + i}` }));
    await numbers.write(many);
    expect(await numbers.read('+74951002344')).toMatchObject({ site: 'divan' });
  });
});
