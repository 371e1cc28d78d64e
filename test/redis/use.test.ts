import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { OperationalEvent } from '../../src/events/catalogue.js';
import { capacityEvent, ScarcityTeller } from '../../src/events/scarcity.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisChannels } from '../../src/redis/channels.js';
import { untoldLevels } from '../../src/redis/scarcity.js';
import { RedisUse } from '../../src/redis/use.js';
import { eventually, keptEvents, livesOf, openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const around = (): [number, number] => [Date.now() - DAY_MS, Date.now() + DAY_MS];

async function openUse() {
  const redis = await openRedis();
  const { link, keys } = redis;
  const channels = new RedisChannels(link, keys);
  const use = new RedisUse(link, keys);
  const peak = async (resource: string) =>
    Math.max(0, ...(await use.peaks(resource, ...around())).map((minute) => minute.peak));
  const total = async (resource: string) => {
    const hours = await use.traffic(resource, ...around());
    const sum = (of: (hour: (typeof hours)[number]) => number) => hours.reduce((all, hour) => all + of(hour), 0);
    return { attempts: sum((hour) => hour.attempts), refused: sum((hour) => hour.refusedHere), hours };
  };
  return { ...redis, channels, use, peak, total };
}

describe('use of a limit over time', () => {
  it('keeps the peak of each minute, refusals and the limit of the hour', async () => {
    const { channels, peak, total } = await openUse();
    for (const token of ['a', 'b', 'c', 'd']) await channels.reserve([{ resource: 'line:x', token, limit: 3 }]);
    await channels.release([{ resource: 'line:x', token: 'a' }]);
    expect(await peak('line:x')).toBe(3);
    expect(await total('line:x')).toMatchObject({ attempts: 4, refused: 1 });
    expect((await total('line:x')).hours.at(-1)?.limit).toBe(3);
    await channels.reserve([{ resource: 'line:x', token: 'e', limit: null }]);
    expect((await total('line:x')).hours.at(-1)?.limit).toBeNull();
  });

  it('counts a repeated reservation once, and one that another limit refused not at all', async () => {
    const { channels, total } = await openUse();
    const request = { resource: 'destination:x', token: 'a', limit: 3 };
    await channels.reserve([request]);
    await channels.reserve([request]);
    await channels.reserve([
      { ...request, token: 'b' },
      { resource: 'trunk-out:x', token: 'b', limit: 0 },
    ]);
    expect(await total('destination:x')).toMatchObject({ attempts: 1, refused: 0 });
    expect(await total('trunk-out:x')).toMatchObject({ attempts: 1, refused: 1 });
  });

  it('does not take for use what another limit refused', async () => {
    const { channels, peak, raw, keys } = await openUse();
    const reserve = (token: string) =>
      channels.reserve([
        { resource: 'destination:x', token, limit: 1 },
        { resource: 'trunk-out:x', token, limit: 2 },
      ]);
    await reserve('a');
    await reserve('b');
    expect(await peak('trunk-out:x')).toBe(1);
    expect(await raw.llen(keys.channelUntold('trunk-out:x'))).toBe(0);
    await channels.reserve([{ resource: 'trunk-out:x', token: 'c', limit: 2 }]);
    expect(await peak('trunk-out:x')).toBe(2);
    expect(await raw.llen(keys.channelUntold('trunk-out:x'))).toBe(1);
    await channels.release([{ resource: 'destination:x', token: 'a' }]);
    await reserve('d');
    expect(await peak('trunk-out:x')).toBe(2);
    await channels.renew([{ resource: 'trunk-out:x', token: 'c' }]);
    expect(await raw.llen(keys.channelUntold('trunk-out:x'))).toBe(1);
  });

  it('sees long calls in every minute, by their renewals', async () => {
    const { channels, peak, raw, keys } = await openUse();
    const held = ['a', 'b'].map((token) => ({ resource: 'line:x', token, limit: 9 }));
    for (const request of held) await channels.reserve([request]);
    for (const key of await raw.keys(`${keys.channelDays('line:x')}peaks:*`)) await raw.del(key);
    await channels.renew(held);
    expect(await peak('line:x')).toBe(2);
  });

  it('counts the time for which channels were held, each hour its own', async () => {
    const { channels, use, raw, keys } = await openUse();
    const held = ['a', 'b'].map((token) => ({ resource: 'line:x', token, limit: 9 }));
    for (const request of held) await channels.reserve([request]);
    const before = Date.now() - 1_800_000;
    // As if nobody had looked for half an hour.
    await raw.hset(keys.channelState('line:x'), 'at', before);
    await channels.release(held);
    const hours = await use.traffic('line:x', ...around());
    const seconds = hours.reduce((sum, hour) => sum + hour.carriedSeconds, 0);
    expect(seconds).toBeGreaterThanOrEqual(3600);
    expect(seconds).toBeLessThanOrEqual((2 * (Date.now() - before)) / 1000 + 1);
    for (const hour of hours) expect(hour.carriedSeconds).toBeLessThanOrEqual(7200);
    expect(hours).toHaveLength(Math.floor(before / HOUR_MS) === Math.floor(Date.now() / HOUR_MS) ? 1 : 2);
  });

  it('lets go of everything after 93 days, and a day takes at most 4,320 bytes of peaks', async () => {
    const { channels, raw, prefix, keys } = await openUse();
    await channels.reserve([{ resource: 'line:x', token: 'a', limit: 1 }]);
    expect(Math.min(...(await livesOf(raw, `${prefix}v1:*`)))).toBeGreaterThan(0);
    const [day = ''] = await raw.keys(`${keys.channelDays('line:x')}peaks:*`);
    const bytes = await raw.strlen(day);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(1440 * 3);
  });
});

describe('changes of level', () => {
  /** Two gateways that share a Redis; each tells into the same feed. */
  async function openTwo() {
    const { link, keys, raw, prefix } = await openRedis();
    const store = new RedisCallStore(link, keys);
    const untold = untoldLevels(link, keys);
    const open = () => {
      const append = (event: OperationalEvent, subject: string) => store.appendOperational(event, subject, []);
      const teller = new ScarcityTeller(untold, capacityEvent, append, pino({ level: 'silent' }));
      return new RedisChannels(link, keys, {
        scarcity: { high: () => 0.8, onUntold: (resource) => teller.wake(resource) },
      });
    };
    const told = async (id: string) => {
      await eventually(async () => expect(await raw.llen(keys.channelUntold(`destination:${id}`))).toBe(0));
      const events = (await keptEvents({ link, keys })).map(
        ({ body }) => JSON.parse(body) as OperationalEvent<'capacity.high'>,
      );
      return events.filter(({ data }) => data.id === id);
    };
    return { gateways: [open(), open()] as const, told, link, keys, raw, prefix, store };
  }

  it('are told once each, in order, over all gateways', async () => {
    const { gateways, told } = await openTwo();
    const resource = 'destination:office';
    const tokens = Array.from({ length: 10 }, (_, i) => `t${i}`);
    for (const [i, token] of tokens.entries()) await gateways[i % 2 ? 1 : 0].reserve([{ resource, token, limit: 10 }]);
    await gateways[0].reserve([{ resource, token: 'more', limit: 10 }]);
    // 9, 8 and 7 of 10 are still too near.
    await gateways[0].release(tokens.slice(0, 4).map((token) => ({ resource, token })));
    await gateways[0].reserve([{ resource, token: 't0', limit: 10 }]);
    await gateways[1].release(tokens.slice(0, 6).map((token) => ({ resource, token })));
    const events = await told('office');
    expect(events.map(({ type, data }) => [type, data.inUse])).toEqual([
      ['capacity.high', 8],
      ['capacity.exhausted', 10],
      ['capacity.recovered', 4],
    ]);
    expect(events[0]?.data).toEqual({ kind: 'destination', id: 'office', direction: null, inUse: 8, limit: 10 });
  });

  it('leave a line in peace that takes one call at a time, until a call is refused', async () => {
    const { gateways, told } = await openTwo();
    const request = { resource: 'destination:one', token: 'a', limit: 1 };
    await gateways[0].reserve([request]);
    expect(await told('one')).toEqual([]);
    await gateways[0].reserve([{ ...request, token: 'b' }]);
    await gateways[0].release([request]);
    expect((await told('one')).map(({ type }) => type)).toEqual(['capacity.exhausted', 'capacity.recovered']);
  });

  it('are noticed where nobody comes any more: by a look at the limit, or at its new size', async () => {
    const { gateways, told, raw, keys } = await openTwo();
    const resource = 'destination:quiet';
    for (const token of ['a', 'b']) await gateways[0].reserve([{ resource, token, limit: 2 }]);
    // The gateway that held them is dead.
    for (const token of ['a', 'b']) await raw.zadd(keys.channel(resource), 1, token);
    await gateways[1].watch([{ resource, limit: 2 }]);
    expect((await told('quiet')).map(({ type }) => type)).toEqual(['capacity.exhausted', 'capacity.recovered']);
    for (const token of ['a', 'b']) await gateways[0].reserve([{ resource, token, limit: 2 }]);
    await gateways[1].watch([{ resource, limit: 20 }]);
    expect((await told('quiet')).map(({ type }) => type).slice(2)).toEqual([
      'capacity.exhausted',
      'capacity.recovered',
    ]);
  });

  it('survive the gateway that should have told them', async () => {
    const { gateways, told, link, keys } = await openTwo();
    const dying = new RedisChannels(link, keys, { scarcity: { high: () => 0.8, onUntold: () => undefined } });
    for (const token of ['a', 'b']) await dying.reserve([{ resource: 'destination:d', token, limit: 2 }]);
    await gateways[1].watch([{ resource: 'destination:d', limit: 2 }]);
    expect((await told('d')).map(({ type }) => type)).toEqual(['capacity.exhausted']);
  });

  it('come as high?, exhausted?, recovered in turn, whatever happens', async () => {
    const { gateways, told } = await openTwo();
    const step = fc.record({
      gateway: fc.constantFrom(0 as const, 1 as const),
      action: fc.constantFrom('reserve', 'reserve', 'release', 'renew', 'watch'),
      call: fc.nat(11),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 8 }), async (steps, limit) => {
        const id = `p${(run += 1)}`;
        const resource = `destination:${id}`;
        const held = new Set<string>();
        let refused = 0;
        for (const { gateway, action, call } of steps) {
          const channel = { resource, token: `c${call}` };
          if (action === 'reserve') {
            const [grant] = await gateways[gateway].reserve([{ ...channel, limit }]);
            if (grant?.granted) held.add(channel.token);
            else refused += 1;
          } else if (action === 'release') {
            await gateways[gateway].release([channel]);
            held.delete(channel.token);
          } else if (action === 'renew') {
            await gateways[gateway].renew([...held].map((token) => ({ resource, token })));
          } else {
            await gateways[gateway].watch([{ resource, limit }]);
          }
        }
        await gateways[0].release([...held].map((token) => ({ resource, token })));
        const events = await told(id);
        const types = events.map(({ type }) => type.slice('capacity.'.length)).join(' ');
        expect(types).toMatch(/^((high |high exhausted |exhausted )recovered ?)*$/);
        if (refused > 0 && limit > 0) expect(types).toContain('exhausted');
        for (const { data } of events) expect(data.inUse).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 60 },
    );
  });
});

describe('counts of ended calls', () => {
  it('are written once a call, with its end, however often that is repeated', async () => {
    const { link, keys } = await openRedis();
    const call = exampleCall({
      startedAt: new Date().toISOString(),
      disposition: 'missed',
      lossReason: 'destination_capacity',
    });
    const stores = [new RedisCallStore(link, keys, { owner: 'gw' }), new RedisCallStore(link, keys, { owner: 'gw' })];
    await stores[0]?.commit(exampleChange({ ...call, disposition: null, lossReason: null }, ['call.received']));
    const end = exampleChange(call, ['call.missed'], { first: 2 });
    await stores[0]?.commit(end);
    await stores[0]?.commit(end);
    await stores[0]?.commit({ ...end, events: [], endpoints: [], closed: true });
    await stores[1]?.commit(end);
    const counts = await new RedisUse(link, keys).callCounts(...around());
    expect(counts.map(({ key, count }) => [...key, count])).toEqual([
      ['calls', 'divan', 'missed', 1],
      ['lost', 'divan', '', 'destination_capacity', 1],
    ]);
  });
});
