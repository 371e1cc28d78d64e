import { expect, it } from 'vitest';
import type { PoolPolicy } from '../../src/leases/ports.js';
import { RedisInventory } from '../../src/redis/inventory.js';
import { RedisLeases } from '../../src/redis/leases.js';
import { LeaseDesk } from '../../src/leases/desk.js';
import { visitor } from '../support/lender.js';
import { openRedis } from '../support/redis.js';

const NUMBERS = 2_000;
const HOLDERS = 200;
const POLICY: PoolPolicy = { lease: 600_000, maxLease: 600_000, quarantine: 1, low: 0.2, holders: 86_400_000 };

/** The bounds that docs/numbers.md states; sessions are of 0.5 kB, as a visitor of an advertisement has them. */
it('takes no more memory than stated', async () => {
  const { link, keys, raw } = await openRedis();
  const inventory = new RedisInventory(link, keys);
  const desk = new LeaseDesk(new RedisLeases(link, keys), () => POLICY);
  const bytes = async (key: string): Promise<number> => Number(await raw.memory('USAGE', key, 'SAMPLES', 0));

  const rows = Array.from({ length: NUMBERS }, (_, i) => `+7495${1_000_000 + i}`).map((number) => {
    return {
      number,
      site: 'divan',
      kind: 'dynamic' as const,
      route: null,
      source: { label: 'MKAD 32 km' },
      enabled: true,
    };
  });
  await inventory.create(rows);
  const number = rows[0]?.number ?? '';
  const shared = (await bytes(keys.pool('divan'))) + (await bytes(keys.numberIndex('divan')));
  const perNumber = (await bytes(keys.number(number))) + shared / NUMBERS;

  const { lease } = await desk.allocate({ site: 'divan', session: visitor('session-1') });
  const perLease = await bytes(keys.lease(number));
  const perSession = await bytes(keys.poolSession('divan', 'session-1'));

  const before = await bytes(keys.holders(number));
  const json = JSON.stringify({ ...lease, number: undefined });
  await raw.zadd(
    keys.holders(number),
    ...Array.from({ length: HOLDERS }, (_, i) => [i, json.replace('session-1', `s-${i}-of-old`)]).flat(),
  );
  const perHolder = ((await bytes(keys.holders(number))) - before) / HOLDERS;

  const figures = { session: JSON.stringify(visitor('session-1')).length, perNumber, perLease, perSession, perHolder };
  process.stdout.write(`memory in bytes: ${JSON.stringify(figures)}\n`);
  expect(perNumber).toBeLessThan(600);
  expect(perSession).toBeLessThan(300);
  expect(perLease).toBeLessThan(1_100);
  expect(perHolder).toBeLessThan(1_000);
});
