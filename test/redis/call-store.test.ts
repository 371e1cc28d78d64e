import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { CallResources } from '../../src/call/call.js';
import { buildOperationalEvent } from '../../src/events/catalogue.js';
import { RedisCallStore, type CallStoreHooks, type CallStoreOptions } from '../../src/redis/call-store.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { eventually, keptEvents, openOwnRedis, openRedis } from '../support/redis.js';
import { claim as claimFrom } from './outbox-steps.js';
import { EDGE, exampleCall, exampleChange } from './examples.js';

async function open(options: CallStoreOptions = {}, hooks: CallStoreHooks = {}) {
  const redis = await openRedis();
  const store = new RedisCallStore(redis.link, redis.keys, options, hooks);
  const peer = new RedisCallStore(redis.link, redis.keys, options);
  const types = async () => (await keptEvents(redis)).map(({ body }) => (JSON.parse(body) as { type: string }).type);
  return { ...redis, store, peer, types };
}

describe('committing a call', () => {
  it('writes document, events and deliveries in one round trip', async () => {
    const queued: string[][] = [];
    const { store, link, keys, raw, types } = await open({}, { onQueued: (endpoints) => queued.push(endpoints) });
    const call = exampleCall();
    const before = link.exchanges;
    await store.commit(exampleChange(call, ['call.received', 'call.ringing'], { endpoints: ['crm', 'bi'] }));
    expect(link.exchanges - before).toBe(1);
    expect(await store.get(call.id)).toEqual(call);
    expect(await types()).toEqual(['call.received', 'call.ringing']);
    expect(queued).toEqual([['crm', 'bi']]);
    const outbox = new RedisOutbox(link, keys);
    expect((await outbox.backlog(['crm', 'bi'])).get('bi')?.events).toBe(2);
    expect(await raw.zscore(keys.liveCalls(), call.id)).not.toBeNull();
  });

  it('writes nothing twice when repeated, and the new part only of what was merged', async () => {
    const { store, types } = await open();
    const call = exampleCall();
    const first = exampleChange(call, ['call.received']);
    await store.commit(first);
    await store.commit(first);
    const later = { ...call, ringingAt: '2026-11-21T10:12:01.000Z' };
    await store.commit(exampleChange(later, ['call.received', 'call.ringing']));
    await store.commit(first);
    expect(await types()).toEqual(['call.received', 'call.ringing']);
    expect(await store.get(call.id)).toEqual(later);
  });

  it('takes the newer document when the last event comes again with it', async () => {
    const { store, types, raw, keys } = await open();
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.received', 'call.missed']));
    const closed = { ...call, tags: [{ name: 'callback', by: 'gateway', at: call.startedAt }] };
    await store.commit(exampleChange(closed, ['call.missed'], { first: 2, closed: true }));
    expect(await types()).toEqual(['call.received', 'call.missed']);
    expect(await store.get(call.id)).toEqual(closed);
    expect(await raw.zcard(keys.liveCalls())).toBe(0);
  });

  it('ignores a request that a later one has overtaken', async () => {
    const { store, link, keys } = await open();
    const call = exampleCall();
    const stale = new RedisCallStore(link, keys, { owner: store.owner }); // counts from 1 as the first request did
    await store.commit(exampleChange(call, ['call.received']));
    await store.commit(exampleChange({ ...call, site: 'newer' }, []));
    await stale.commit(exampleChange({ ...call, site: 'older' }, []));
    expect((await store.get(call.id))?.site).toBe('newer');
  });

  it('keeps a closed call until it is archived, and out of the living ones for good', async () => {
    const { store, raw, keys, peer } = await open({ leaseMs: 1 });
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.received', 'call.missed'], { closed: true }));
    await store.commit(exampleChange(call, [])); // one that was late
    await store.commit(exampleChange(call, ['recording.absent'], { first: 3, closed: true }));
    expect(await raw.zcard(keys.liveCalls())).toBe(0);
    expect(await raw.pttl(keys.call(call.id))).toBe(-1);
    expect(await peer.claimOrphans(EDGE, 20)).toEqual([]);
    expect(await store.renewLive([call.id, 'not written yet'])).toEqual([]);
    expect(await raw.zcard(keys.liveCalls())).toBe(0);
  });

  it('rejects while Redis is away and succeeds when repeated', async () => {
    const { link, keys, server } = await openOwnRedis();
    const store = new RedisCallStore(link, keys);
    const change = exampleChange(exampleCall(), ['call.received']);
    await server.kill();
    await expect(store.commit(change)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    const up = once(link, 'up');
    await server.up();
    await up;
    await store.commit(change);
    expect(await keptEvents({ link, keys })).toHaveLength(1);
  });
});

describe('calls of a dead gateway', () => {
  const resources: CallResources = {
    edge: EDGE,
    dialogs: [{ role: 'caller', id: 'a@b;from-tag=1' }],
    invites: [{ direction: 'out', id: 'a transaction', dialog: 'c@d;from-tag=2' }],
    mediaServer: 'fs-1',
    mediaChannels: ['f0'],
    channels: [{ resource: 'trunk-in:carrier-a', token: 't' }],
  };

  it('are taken over once, with what is needed to end them', async () => {
    const foreign: string[] = [];
    const { store, peer, types } = await open({ leaseMs: 50 }, { onForeign: (id) => foreign.push(id) });
    const call = exampleCall();
    const before = Date.now();
    await store.commit({ ...exampleChange(call, ['call.received']), resources });
    const after = Date.now();
    const [orphan] = await eventually(async () => {
      const orphans = await peer.claimOrphans(EDGE, 20);
      expect(orphans).toHaveLength(1);
      return orphans;
    });
    const heardOfAt = orphan?.heardOfAt ?? 0;
    expect(orphan).toEqual({ call, resources, sequence: 1, heardOfAt });
    expect(heardOfAt).toBeGreaterThanOrEqual(before);
    expect(heardOfAt).toBeLessThanOrEqual(after);
    expect(await store.renewLive([call.id])).toEqual([call.id]);
    await peer.commit(exampleChange(call, ['call.missed'], { first: 2, closed: true }));
    await store.commit(exampleChange(call, ['call.answered', 'call.completed'], { first: 2, closed: true }));
    expect(foreign).toEqual([call.id]);
    expect(await types()).toEqual(['call.received', 'call.missed']);
  });

  it('are left to their own edge, where somebody may come who can hang up on the callers', async () => {
    const { store, peer, link, keys } = await open({ leaseMs: 50, leftToEdgeMs: 60_000 });
    const call = exampleCall();
    await store.commit({ ...exampleChange(call, ['call.received']), resources });
    await eventually(async () => expect(await isDue(call.id)).toBe(true));
    const far = 'udp/10.0.0.2:5060';
    expect(await peer.claimOrphans(far, 20)).toEqual([]);
    const impatient = new RedisCallStore(link, keys, { leaseMs: 50, leftToEdgeMs: 50 });
    await eventually(async () => expect(await impatient.claimOrphans(far, 20)).toHaveLength(1));
    async function isDue(id: string): Promise<boolean> {
      const [score, [seconds = '0']] = await Promise.all([
        link.send((client) => client.zscore(keys.liveCalls(), id)),
        link.send((client) => client.time()),
      ]);
      return Number(score) < Number(seconds) * 1000;
    }
  });

  it('come before those of other edges, however many and old these are', async () => {
    const { store, peer, raw, keys } = await open({ leaseMs: 1, leftToEdgeMs: 0 });
    const far = { ...resources, edge: 'udp/10.0.0.2:5060' };
    const others = Array.from({ length: 5 }, () => exampleCall());
    for (const call of others) await store.commit({ ...exampleChange(call, ['call.received']), resources: far });
    const own = exampleCall();
    await store.commit({ ...exampleChange(own, ['call.received']), resources });
    // All leases have passed, that of the own call last.
    await raw.zadd(keys.liveCalls(), 2, own.id, ...others.flatMap(({ id }) => [1, id]));
    const claimed = await eventually(async () => {
      const orphans = await peer.claimOrphans(EDGE, 2);
      expect(orphans).toHaveLength(2);
      return orphans;
    });
    expect(claimed.map(({ call }) => call.id)[0]).toBe(own.id);
  });

  it('are left to their owner while it renews', async () => {
    const { store, peer } = await open({ leaseMs: 60_000 });
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.received']));
    expect(await store.renewLive([call.id])).toEqual([]);
    expect(await peer.claimOrphans(EDGE, 20)).toEqual([]);
  });

  it('are not taken before living peers could renew after an outage', async () => {
    const { link, keys, raw } = await openRedis();
    const store = new RedisCallStore(link, keys, { leaseMs: 60_000 });
    const call = exampleCall();
    await store.commit(exampleChange(call, ['call.received']));
    await raw.zadd(keys.liveCalls(), 1, call.id);
    expect(await store.claimOrphans(EDGE, 20)).toEqual([]);
  });

  it('are taken a bounded number at a time', async () => {
    const { store, peer } = await open({ leaseMs: 1 });
    for (let i = 0; i < 5; i += 1) await store.commit(exampleChange(exampleCall(), ['call.received']));
    await eventually(async () => expect(await peer.claimOrphans(EDGE, 2)).toHaveLength(2));
  });
});

describe('reading back', () => {
  it('knows no call that never was', async () => {
    const { store } = await open();
    expect(await store.get('nobody')).toBeNull();
  });
});

describe('events without a call', () => {
  it('are in the feed and queued, in order per subject, once each', async () => {
    const { store, link, keys } = await open();
    const down = buildOperationalEvent('trunk.down', { trunk: 'carrier-a', reason: null }, Date.now());
    const up = buildOperationalEvent('trunk.up', { trunk: 'carrier-a', reason: null }, Date.now());
    await store.appendOperational(down, 'trunk:carrier-a', ['ops']);
    await store.appendOperational(down, 'trunk:carrier-a', ['ops']);
    await store.appendOperational(up, 'trunk:carrier-a', ['ops']);
    const { deliveries } = await claimFrom(new RedisOutbox(link, keys), 'ops', 10, 1_000);
    expect(deliveries.map(({ eventId }) => eventId)).toEqual([down.id]);
    expect((await keptEvents({ link, keys })).map(({ body }) => JSON.parse(body) as unknown)).toEqual([down, up]);
  });
});
