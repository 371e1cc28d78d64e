import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { RedisInventory } from '../../src/redis/inventory.js';
import { RedisNumbers } from '../../src/redis/numbers.js';
import { eventually, openRedis } from '../support/redis.js';

const dynamic = { number: '+74951111111', site: 'divan', kind: 'dynamic' as const };
const fixed = { number: '+74952222222', site: 'divan', kind: 'static' as const, source: { label: 'MKAD 32 km' } };

/** Two gateways with files of their own. */
async function openTwo() {
  const redis = await openRedis();
  const { link, keys } = redis;
  const [one, two] = [new RedisNumbers(link, keys, 'gw-1'), new RedisNumbers(link, keys, 'gw-2')];
  const inventory = new RedisInventory(link, keys);
  return { ...redis, one, two, read: (number: string) => inventory.read(number) };
}

describe('the numbers of the configuration', () => {
  it('stand in the contract keys, however often they are written', async () => {
    const { one: numbers, keys, raw, read } = await openTwo();
    await numbers.write([{ ...dynamic, route: 'special' }, fixed]);
    await numbers.write([dynamic, fixed]);
    expect(await raw.hgetall(keys.number(fixed.number))).toEqual({
      site: 'divan',
      kind: 'static',
      source: '{"label":"MKAD 32 km"}',
      enabled: '1',
      by: 'config',
    });
    expect(await read(dynamic.number)).toEqual({
      ...dynamic,
      route: null,
      source: null,
      enabled: true,
      origin: 'file',
    });
    expect(await read('+70000000000')).toBeNull();
  });

  it('leave Redis when they leave the configuration, unless somebody else wrote them', async () => {
    const { one: numbers, keys, raw, read } = await openTwo();
    await numbers.write([dynamic, fixed]);
    await raw.hset(keys.number(fixed.number), 'by', 'pool');
    await numbers.write([]);
    expect(await read(dynamic.number)).toBeNull();
    expect(await read(fixed.number)).toMatchObject({ kind: 'static' });
  });

  it('leave the list and the pool of their former site when they are given to another', async () => {
    const { one: numbers, keys, raw } = await openTwo();
    await numbers.write([dynamic]);
    await numbers.write([{ ...dynamic, site: 'stol' }]);
    const inAll = async (site: string) => [
      await raw.zrange(keys.numberIndex(site), 0, -1),
      await raw.zrange(keys.pool(site), 0, -1),
    ];
    expect(await inAll('divan')).toEqual([[], []]);
    expect(await inAll('stol')).toEqual([[dynamic.number], [dynamic.number]]);
  });

  it('keep what another service disabled, and replace what is no number', async () => {
    const { one: numbers, keys, raw, read } = await openTwo();
    await raw.hset(keys.number(dynamic.number), 'enabled', '0');
    await raw.set(keys.number(fixed.number), 'rubbish');
    expect(await read(fixed.number)).toBeNull();
    await numbers.write([dynamic, fixed]);
    expect(await read(dynamic.number)).toMatchObject({ enabled: false });
    expect(await read(fixed.number)).toMatchObject({ kind: 'static' });
  });

  it('stay while any gateway has them: one that knows them no longer, or not yet, takes none away', async () => {
    const { one, two, raw, keys, read } = await openTwo();
    await two.write([dynamic, fixed]);
    await one.write([fixed]);
    await one.write([fixed]);
    expect(await read(dynamic.number)).toMatchObject({ site: 'divan' });
    expect(await raw.zrange(keys.pool('divan'), 0, -1)).toEqual([dynamic.number]);
    await one.write([]);
    expect(await read(fixed.number)).not.toBeNull();
    await two.write([]);
    expect(await read(dynamic.number)).toBeNull();
    expect(await read(fixed.number)).toBeNull();
    expect(await raw.zrange(keys.numberIndex('divan'), 0, -1)).toEqual([]);
    expect(await raw.keys(keys.numberFiles('*').replace(/[{}]/g, '?'))).toEqual([]);
  });

  it('go with a gateway that has not been heard of for a day, but for those that another has', async () => {
    const { one, two, raw, keys, read } = await openTwo();
    await one.write([fixed]);
    await two.write([dynamic, fixed]);
    await one.keepWord();
    expect(await read(dynamic.number)).not.toBeNull();
    expect(Number(await raw.zscore(keys.numberGateways(), 'gw-2'))).toBeGreaterThan(Date.now() + 86_000_000);
    await raw.zadd(keys.numberGateways(), Date.now() - 1000, 'gw-2');
    await one.keepWord();
    expect(await read(dynamic.number)).toBeNull();
    expect(await read(fixed.number)).not.toBeNull();
    expect(await raw.zrange(keys.numberGateways(), 0, -1)).toEqual(['gw-1']);
    expect(await raw.exists(keys.configuredNumbers('gw-2'))).toBe(0);
    // It was away only.
    await two.write([dynamic, fixed]);
    expect(await read(dynamic.number)).not.toBeNull();
  });

  it.each([2, -2])('stay where the clock of one gateway is wrong by %s days', async (days) => {
    const { one, two, read } = await openTwo();
    const wall = Date.now.bind(Date);
    let offMs = 0;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => wall() + offMs);
    onTestFinished(() => clock.mockRestore());
    for (const [numbers, own, off] of [
      [one, [fixed], days],
      [two, [dynamic], 0],
    ] as const) {
      offMs = off * 86_400_000;
      await numbers.write([...own]);
    }
    await two.keepWord();
    offMs = days * 86_400_000;
    await one.keepWord();
    expect(await read(fixed.number)).not.toBeNull();
    expect(await read(dynamic.number)).not.toBeNull();
  });

  it('are written behind their withdrawal where a gateway comes back during it', async () => {
    const { one, two, raw, link, keys, read } = await openTwo();
    await two.write([dynamic, fixed]);
    await raw.zadd(keys.numberGateways(), Date.now() - 1000, 'gw-2');
    const runAll = link.runAll.bind(link);
    let back: Promise<void> | undefined;
    // It comes back when its numbers have been read and none of them is gone.
    vi.spyOn(link, 'runAll').mockImplementationOnce(async (calls) => {
      back = two.write([dynamic, fixed]);
      const waits = eventually(async () => {
        expect(Number(await raw.zscore(keys.numberGateways(), 'gw-2'))).toBeGreaterThan(Date.now());
        expect(await raw.exists(keys.numberWithdrawal('gw-2'))).toBe(1);
      });
      await Promise.race([back, waits]);
      return runAll(calls);
    });
    await one.keepWord();
    await back;
    expect(await read(dynamic.number)).not.toBeNull();
    expect(await read(fixed.number)).not.toBeNull();
    expect(await raw.smembers(keys.configuredNumbers('gw-2'))).toHaveLength(2);
    expect(await raw.exists(keys.numberWithdrawal('gw-2'))).toBe(0);
  });

  it('stay where their gateway was back just before', async () => {
    const { one, two, raw, link, keys, read } = await openTwo();
    await two.write([dynamic]);
    await raw.zadd(keys.numberGateways(), Date.now() - 1000, 'gw-2');
    const send = link.send.bind(link);
    // It gives its word between one's look and the withdrawal.
    vi.spyOn(link, 'send')
      .mockImplementationOnce(send)
      .mockImplementationOnce(send)
      .mockImplementationOnce(async (work) => {
        const gone = await send(work);
        await raw.zadd(keys.numberGateways(), Date.now() + 5000, 'gw-2');
        return gone;
      });
    await one.keepWord();
    expect(await read(dynamic.number)).not.toBeNull();
  });

  it('may be thousands', async () => {
    const { one: numbers, read } = await openTwo();
    const many = Array.from({ length: 2_345 }, (_, i) => ({ ...dynamic, number: `+7495${1_000_000 + i}` }));
    await numbers.write(many);
    expect(await read('+74951002344')).toMatchObject({ site: 'divan' });
  });
});
