import { describe, expect, it } from 'vitest';
import { RedisNumbers } from '../../src/redis/numbers.js';
import { openRedis } from '../support/redis.js';

const dynamic = { number: '+74951111111', site: 'divan', kind: 'dynamic' as const };
const fixed = { number: '+74952222222', site: 'divan', kind: 'static' as const, source: { label: 'MKAD 32 km' } };

describe('the numbers of the configuration', () => {
  it('stand in the contract keys, however often they are written', async () => {
    const { link, keys, raw } = await openRedis();
    const numbers = new RedisNumbers(link, keys);
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
    const numbers = new RedisNumbers(link, keys);
    await numbers.write([dynamic, fixed]);
    await raw.hset(keys.number(fixed.number), 'by', 'pool');
    await numbers.write([]);
    expect(await numbers.read(dynamic.number)).toBeNull();
    expect(await numbers.read(fixed.number)).toMatchObject({ kind: 'static' });
  });

  it('keep what another service disabled, and replace what is no number', async () => {
    const { link, keys, raw } = await openRedis();
    const numbers = new RedisNumbers(link, keys);
    await raw.hset(keys.number(dynamic.number), 'enabled', '0');
    await raw.set(keys.number(fixed.number), 'rubbish');
    expect(await numbers.read(fixed.number)).toBeNull();
    await numbers.write([dynamic, fixed]);
    expect(await numbers.read(dynamic.number)).toMatchObject({ enabled: false });
    expect(await numbers.read(fixed.number)).toMatchObject({ kind: 'static' });
  });

  it('may be thousands', async () => {
    const { link, keys } = await openRedis();
    const numbers = new RedisNumbers(link, keys);
    const many = Array.from({ length: 2_345 }, (_, i) => ({ ...dynamic, number: `+7495${1_000_000 + i}` }));
    await numbers.write(many);
    expect(await numbers.read('+74951002344')).toMatchObject({ site: 'divan' });
  });
});
