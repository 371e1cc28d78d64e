import { expect, it } from 'vitest';
import { RedisTrunks } from '../../src/redis/trunks.js';
import { openRedis } from '../support/redis.js';

it('gateways share drains and what was heard of trunks in one exchange', async () => {
  const { link, keys } = await openRedis();
  const [a, b] = [new RedisTrunks(link, keys), new RedisTrunks(link, keys)];
  await a.setDrained('carrier', true);
  await a.share(new Map([['carrier', 1000]]));
  const before = link.exchanges;
  const known = await b.share(new Map([['other', 2000]]));
  expect(link.exchanges - before).toBe(1);
  expect(known).toEqual({ drained: new Set(['carrier']), heardAt: new Map([['carrier', 1000]]) });
  await b.setDrained('carrier', false);
  expect((await a.share(new Map())).drained.size).toBe(0);
});
