import { expect, it } from 'vitest';
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
  expect(await inventory.create(rows)).toEqual({ created: 1, unchanged: 1, conflicts: [] });
  expect(await inventory.read('+74952222222')).toMatchObject({ origin: 'api' });
});
