import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeldChannel } from '../../src/call/call.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { HeldTokens } from '../../src/redis/held-tokens.js';
import { eventually, openOwnRedis, openRedis } from '../support/redis.js';

const RANDOM_STEPS = 10_000;
const RUNS = 100;

const request = (resource: string, token: string, limit: number | null) => ({ resource, token, limit });

describe('channels', () => {
  it('grants up to the limit, and a change of the limit holds from the next call on', async () => {
    const { link, keys } = await openRedis();
    const channels = new RedisChannels(link, keys);
    expect(await channels.reserve([request('d', 'a', 1)])).toEqual([{ granted: true, inUse: 1, limit: 1 }]);
    expect(await channels.reserve([request('d', 'b', 1)])).toEqual([{ granted: false, inUse: 1, limit: 1 }]);
    expect(await channels.reserve([request('d', 'b', 2)])).toEqual([{ granted: true, inUse: 2, limit: 2 }]);
    expect(await channels.reserve([request('d', 'c', null)])).toEqual([{ granted: true, inUse: 3, limit: null }]);
    await channels.release([{ resource: 'd', token: 'a' }]);
    await channels.release([{ resource: 'd', token: 'a' }]);
    expect(await channels.inUse(['d', 'other'])).toEqual(
      new Map([
        ['d', 2],
        ['other', 0],
      ]),
    );
  });

  it('tells what there is room for, and holds and counts nothing', async () => {
    const { link, keys, raw, prefix } = await openRedis();
    const channels = new RedisChannels(link, keys);
    const limits = [request('d', 'a', 1), request('e', 'a', null)];
    expect((await channels.look(limits)).map(({ granted, inUse }) => [granted, inUse])).toEqual([
      [true, 0],
      [true, 0],
    ]);
    expect(await raw.keys(`${prefix}*`)).toEqual([]);
    await channels.reserve([request('d', 'b', 1)]);
    expect(await channels.look(limits)).toMatchObject([{ granted: false, inUse: 1, limit: 1 }, { granted: true }]);
  });

  it('is idempotent by token', async () => {
    const { link, keys } = await openRedis();
    const channels = new RedisChannels(link, keys);
    await channels.reserve([request('d', 'a', 1)]);
    expect(await channels.reserve([request('d', 'a', 1)])).toEqual([{ granted: true, inUse: 1, limit: 1 }]);
  });

  it('takes all of several or none, and tells which was full', async () => {
    const { link, keys } = await openRedis();
    const channels = new RedisChannels(link, keys);
    await channels.reserve([request('full', 'x', 1)]);
    const grants = await channels.reserve([request('free', 'a', 5), request('full', 'a', 1)]);
    expect(grants.map(({ granted }) => granted)).toEqual([true, false]);
    expect(await channels.inUse(['free', 'full'])).toEqual(
      new Map([
        ['free', 0],
        ['full', 1],
      ]),
    );
    expect(channels.held.count('free')).toBe(0);
  });

  it('takes of several not one for a moment where another is full: whoever asks meanwhile has it', async () => {
    const { link, keys, raw } = await openRedis();
    const channels = new RedisChannels(link, keys);
    const [refused, granted] = await Promise.all([
      channels.reserve([request('destination:a', 'x', 0), request('trunk-out:t', 'x', 1)]),
      channels.reserve([request('destination:b', 'y', 1), request('trunk-out:t', 'y', 1)]),
    ]);
    expect(refused.map((grant) => grant.granted)).toEqual([false, true]);
    expect(granted.map((grant) => grant.granted)).toEqual([true, true]);
    expect(await channels.inUse(['trunk-out:t'])).toEqual(new Map([['trunk-out:t', 1]]));
    expect(await raw.llen(keys.channelUntold('trunk-out:t'))).toBe(0);
  });

  it('fills a trunk to its last channel in a storm on several of its destinations, over two gateways', async () => {
    const a = await openRedis();
    const b = await openRedis({}, a.prefix);
    const [even, odd] = [new RedisChannels(a.link, a.keys), new RedisChannels(b.link, b.keys)];
    const grants = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        (i % 2 ? odd : even).reserve([
          request(`destination:${i % 5}`, `t${i}`, i % 5),
          request('trunk-out:t', `t${i}`, 7),
          request('trunk:t', `t${i}`, null),
        ]),
      ),
    );
    const held = grants.filter((all) => all.every(({ granted }) => granted));
    expect(held).toHaveLength(7);
    expect(await even.inUse(['trunk-out:t', 'trunk:t'])).toEqual(
      new Map([
        ['trunk-out:t', 7],
        ['trunk:t', 7],
      ]),
    );
  });

  it('takes all of several in one round trip', async () => {
    const { link, keys } = await openRedis();
    const channels = new RedisChannels(link, keys);
    const before = link.exchanges;
    await channels.reserve([request('a', 'x', 1), request('b', 'x', 1), request('c', 'x', 1)]);
    expect(link.exchanges - before).toBe(1);
  });

  it('frees what nobody renews, and keeps what is renewed', async () => {
    const { link, raw, keys } = await openRedis();
    const channels = new RedisChannels(link, keys, {}, 1_500);
    const kept = { resource: 'd', token: 'kept' };
    await channels.reserve([request('d', 'lost', 2)]);
    await channels.reserve([request('d', 'kept', 2)]);
    // With the last of them goes the key, whoever has died.
    expect(await raw.pttl(keys.channel('d'))).toBeGreaterThan(0);
    await eventually(async () => {
      await channels.renew([kept]);
      expect(await channels.inUse(['d'])).toEqual(new Map([['d', 1]]));
      // A little later than Redis: here it counts from Redis' answer on.
      expect(channels.held.all()).toEqual([kept]);
    });
  });

  it('never exceeds the limit, never goes below zero, in 10,000 steps of anything', async () => {
    const { link, raw, keys } = await openRedis();
    const step = fc.record({
      gateway: fc.nat(1),
      action: fc.constantFrom('reserve', 'reserve', 'release', 'crash', 'renew'),
      call: fc.nat(7),
      limit: fc.nat(4),
    });
    link.setMaxListeners(0); // a pair of gateways for each run
    let run = 0;
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: RANDOM_STEPS / RUNS, maxLength: RANDOM_STEPS / RUNS + 20, size: 'max' }),
        async (steps) => {
          const resource = `d${(run += 1)}`;
          const gateways = [new RedisChannels(link, keys), new RedisChannels(link, keys)];
          const model = new Map<string, number>();
          for (const { gateway, action, call, limit } of steps) {
            taken += 1;
            const channels = gateways[gateway];
            const held: HeldChannel = { resource, token: `${gateway}-${call}` };
            const had = model.has(held.token);
            if (action === 'reserve') {
              const [grant] = (await channels?.reserve([{ ...held, limit }])) ?? [];
              expect(grant?.granted).toBe(had || model.size < limit);
              if (grant?.granted) model.set(held.token, gateway);
            } else if (action === 'release') {
              await channels?.release([held]);
              model.delete(held.token);
            } else if (action === 'crash') {
              // The TTL of whatever that gateway held has passed.
              for (const [token, owner] of model)
                if (owner === gateway) await raw.zadd(keys.channel(resource), 1, token);
              for (const [token, owner] of [...model]) if (owner === gateway) model.delete(token);
            } else if (had) {
              await channels?.renew([held]);
            }
            expect((await gateways[0]?.inUse([resource]))?.get(resource)).toBe(model.size);
          }
          await gateways[0]?.release([...model.keys()].map((token) => ({ resource, token })));
          expect((await gateways[0]?.inUse([resource]))?.get(resource)).toBe(0);
        },
      ),
      { numRuns: RUNS },
    );
    process.stdout.write(`channels: ${taken} random steps in ${run} runs\n`);
    expect(taken).toBeGreaterThanOrEqual(RANDOM_STEPS);
  });

  it('holds a limit under concurrent requests from several connections', async () => {
    const a = await openRedis();
    const b = await openRedis({}, a.prefix);
    const [even, odd] = [new RedisChannels(a.link, a.keys), new RedisChannels(b.link, b.keys)];
    const grants = await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? odd : even).reserve([request('d', `t${i}`, 7)])),
    );
    expect(grants.filter((grant) => grant[0]?.granted)).toHaveLength(7);
  });
});

describe('channels while Redis is away', () => {
  it('hold for this process alone, and are registered again when it is back', async () => {
    const { link, keys, server } = await openOwnRedis();
    const told: boolean[] = [];
    const channels = new RedisChannels(link, keys, { onFallback: (fallback) => told.push(fallback) });
    await channels.reserve([request('d', 'before', 2)]);
    await server.kill();
    expect(await channels.reserve([request('d', 'during', 2)])).toEqual([{ granted: true, inUse: 2, limit: 2 }]);
    expect(await channels.reserve([request('d', 'more', 2)])).toEqual([{ granted: false, inUse: 2, limit: 2 }]);
    expect(await channels.inUse(['d'])).toEqual(new Map([['d', 2]]));
    await channels.release([{ resource: 'd', token: 'before' }]);
    await channels.renew([{ resource: 'd', token: 'during' }]);
    const up = once(link, 'up');
    await server.up();
    await up;
    expect(await channels.reserve([request('d', 'after', 2)])).toEqual([{ granted: true, inUse: 2, limit: 2 }]);
    expect(await channels.reserve([request('d', 'more', 2)])).toEqual([{ granted: false, inUse: 2, limit: 2 }]);
    expect(told).toEqual([true, false]);
  });

  it('takes all of several or none by its own count too', () => {
    const held = new HeldTokens(1_000, () => 0);
    held.hold({ resource: 'full', token: 'x' });
    expect(held.reserve([request('free', 'a', 1), request('full', 'a', 1)]).map(({ granted }) => granted)).toEqual([
      true,
      false,
    ]);
    expect(held.count('free')).toBe(0);
  });

  it('forgets a token of its own that nobody renewed', () => {
    let now = 0;
    const held = new HeldTokens(1_000, () => now);
    held.hold({ resource: 'd', token: 'a' });
    now = 1_000;
    expect(held.count('d')).toBe(0);
    expect(held.all()).toEqual([]);
  });
});
