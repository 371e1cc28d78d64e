import { pino } from 'pino';
import { expect, it } from 'vitest';
import { noCounts } from '../../src/numbers/call-rates.js';
import { RateBook } from '../../src/numbers/rate-book.js';
import { RedisCallRates } from '../../src/redis/call-rates.js';
import { openOwnRedis, openRedis } from '../support/redis.js';
import { PATIENCE_MS } from '../support/until.js';
import { exampleHolder } from './examples.js';

const NUMBER = {
  number: '+74951111111',
  site: 'divan',
  kind: 'dynamic',
  route: null,
  source: null,
  enabled: true,
} as const;
const DAY_MS = 86_400_000;
const logger = pino({ level: 'silent' });
const sites = () => [{ id: 'divan' }];
const book = (store: RedisCallRates) => new RateBook({ sites, store, mostHolders: 20, logger });
const AT = exampleHolder().expiresAt + 100_000;
const earlier = { ...exampleHolder(), leaseId: 'before', leasedAt: AT - 9_000_000, expiresAt: AT - 8_000_000 };
const late = { number: NUMBER, lease: null, holders: [exampleHolder(), earlier] };

it('adds up what gateways have seen, over two periods of 30 days', async () => {
  const { link, keys, raw } = await openRedis();
  let now = 100 * 30 * DAY_MS;
  const store = new RedisCallRates(link, keys, () => now);
  const counts = noCounts();
  counts.calls[2] = 3;
  counts.expected[4] = 1234.25;
  await store.add('divan', counts);
  now += 30 * DAY_MS;
  await store.add('divan', counts);
  const twice = noCounts();
  twice.calls[2] = 6;
  twice.expected[4] = 2468.5;
  expect(await store.read('divan')).toEqual(twice);
  now += 30 * DAY_MS;
  expect((await store.read('divan')).calls[2]).toBe(3);
  expect(await store.read('krovat')).toEqual(noCounts());
  expect(await raw.pttl(keys.callRates('divan', 100))).toBeGreaterThan(59 * DAY_MS);
});

it("a site's rates are its own on every gateway once five hundred calls were seen", async () => {
  const { link, keys } = await openRedis();
  const [one, other] = [book(new RedisCallRates(link, keys)), book(new RedisCallRates(link, keys))];
  for (let call = 0; call < 501; call += 1) one.learn(late, AT);
  await one.exchange();
  expect(one.of('divan').measured).toBe(true);
  expect(other.of('divan').measured).toBe(false);
  await other.exchange();
  expect(other.of('divan')).toEqual(one.of('divan'));
  expect(other.of('krovat').measured).toBe(false);
});

it('keeps what it has learned while Redis is away', async () => {
  const { link, keys, server } = await openOwnRedis();
  const store = new RedisCallRates(link, keys);
  const rates = book(store);
  rates.learn(late, AT);
  await server.kill();
  await rates.exchange();
  rates.learn(late, AT);
  await server.up();
  await link.waitUntilReady(PATIENCE_MS);
  await rates.stop();
  const { calls } = await store.read('divan');
  expect(calls.reduce((all, share) => all + share, 0)).toBeCloseTo(2);
});
