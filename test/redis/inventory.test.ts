import { expect, it } from 'vitest';
import { GatewayError } from '../../src/lib/errors.js';
import { RedisInventory } from '../../src/redis/inventory.js';
import type { ScriptCall } from '../../src/redis/scripts.js';
import { openRedis } from '../support/redis.js';

it('does not call created what expired while an import stood still, and makes it whole when it is repeated', async () => {
  const { link, keys, raw } = await openRedis();
  const inventory = new RedisInventory(link, keys);
  const rows = ['+74951111111', '+74952222222'].map((number) => {
    return { number, site: 'divan', kind: 'dynamic' as const, route: null, source: null, enabled: true };
  });
  const runAll = link.runAll.bind(link) as (calls: readonly ScriptCall<unknown>[]) => Promise<unknown[]>;
  let exchanges = 0;
  link.runAll = (async (calls: readonly ScriptCall<unknown>[]) => {
    // Between claiming and listing.
    if ((exchanges += 1) === 2) await raw.del(keys.number('+74952222222'));
    return await runAll(calls);
  }) as typeof link.runAll;
  await expect(inventory.create(rows)).rejects.toMatchObject({ code: 'GW_ERR_DEADLINE' });
  expect(await inventory.read('+74952222222')).toBeNull();
  // Nobody is to be lent what is none: each would cost a visitor one of his tries, and sixteen of them his number.
  expect(await raw.zrange(keys.pool('divan'), 0, -1)).toEqual(['+74951111111']);
  expect(await inventory.create(rows)).toEqual({ created: 1, unchanged: 1, conflicts: [] });
  expect(await inventory.read('+74952222222')).toMatchObject({ origin: 'api' });
});

it('lends nothing of an import that broke off before it was done', async () => {
  const { link, keys, raw } = await openRedis();
  const inventory = new RedisInventory(link, keys);
  const rows = ['+74951111111', '+74952222222'].map((number) => {
    return { number, site: 'divan', kind: 'dynamic' as const, route: null, source: null, enabled: true };
  });
  const runAll = link.runAll.bind(link) as (calls: readonly ScriptCall<unknown>[]) => Promise<unknown[]>;
  let away = true;
  link.runAll = (async (calls: readonly ScriptCall<unknown>[]) => {
    const settles = calls.some(({ args }) => args.includes('keep'));
    if (away && settles) throw new GatewayError('GW_ERR_REDIS_AWAY', 'away');
    return await runAll(calls);
  }) as typeof link.runAll;
  await expect(inventory.create(rows)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
  expect(await raw.zcard(keys.pool('divan'))).toBe(0);
  away = false;
  // The claims have run out.
  for (const { number } of rows) await raw.del(keys.number(number));
  expect(await inventory.create(rows)).toEqual({ created: 2, unchanged: 0, conflicts: [] });
  expect(await raw.zcard(keys.pool('divan'))).toBe(2);
});
