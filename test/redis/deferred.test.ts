import { expect, it } from 'vitest';
import { amend, amendmentOf } from '../../src/call/amendments.js';
import type { Call } from '../../src/call/call.js';
import { findDeferred } from '../../src/call/deferred.js';
import { configSchema } from '../../src/config/schema.js';
import { DEFAULT_RATES } from '../../src/numbers/call-rates.js';
import { DEFERRED } from '../../src/numbers/verdict.js';
import { RedisAdmissions } from '../../src/redis/admissions.js';
import { RedisCallers } from '../../src/redis/callers.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { openRedis } from '../support/redis.js';
import { exampleCall } from './examples.js';

const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [{ id: 'divan', defaultRoute: 'none' }],
});
const callRates = { of: () => DEFAULT_RATES, learn: () => undefined };

const unknownCaller = { firstCall: null, previousCalls: null, lastCallAt: null, lastDisposition: null };

async function open() {
  const redis = await openRedis();
  const { link, keys, raw } = redis;
  const earlier = exampleCall({ startedAt: '2026-11-21T09:00:00.000Z', disposition: 'answered' });
  await new RedisCallers(link, keys).note(earlier);
  await raw.hset(keys.number(earlier.trackingNumber), { site: 'divan', kind: 'dynamic' });
  const admissions = new RedisAdmissions(link, keys, new RedisChannels(link, keys));
  const call: Call = exampleCall({ attribution: DEFERRED, caller: { ...earlier.caller, ...unknownCaller } });
  return { ...redis, earlier, call, deps: { admissions, config: () => config, callRates } };
}

it('finds whose a call was that came while Redis was away, and what was known of its caller', async () => {
  const { earlier, call, deps } = await open();
  const amendment = amendmentOf(await findDeferred(call, deps), 'gateway');
  expect(JSON.stringify(amendment)).not.toContain(call.caller.number);
  expect(amend(call, amendment)).toMatchObject({ type: 'call.attribution.corrected', extra: { old: DEFERRED } });
  expect(call.attribution).toMatchObject({ verdict: 'returning', session: earlier.attribution.session });
  expect(call.caller).toMatchObject({
    number: earlier.caller.number,
    firstCall: false,
    previousCalls: 1,
    lastDisposition: 'answered',
  });
  expect(call.tags.map(({ name }) => name)).toEqual(['repeat']);
});

it("tells nothing of the caller where the number has become another site's", async () => {
  const { raw, keys, call, deps } = await open();
  await raw.hset(keys.number(call.trackingNumber), 'site', 'krovat');
  amend(call, amendmentOf(await findDeferred(call, deps), 'gateway'));
  expect(call.attribution.verdict).toBe('none');
  expect(call.caller).toMatchObject(unknownCaller);
});
