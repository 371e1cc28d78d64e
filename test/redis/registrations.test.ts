import { describe, expect, it } from 'vitest';
import type { BindingChange } from '../../src/lines/ports.js';
import { RedisRegistrations } from '../../src/redis/registrations.js';
import { eventually, livesOf, openOwnRedis, openRedis } from '../support/redis.js';

const EDGE = 'udp/10.0.0.1:5060';
const ELSEWHERE = 'udp/10.0.0.2:5060';
let nonces = 0;

/** A registration of `hosts`; each life in ms, an hour where none is given. */
function change(hosts: Record<string, number | undefined>, parts: Partial<BindingChange> = {}): BindingChange {
  return {
    line: 'sales',
    callId: `call-${(nonces += 1)}`,
    cseq: 1,
    userAgent: 'Phone/1.0',
    edge: EDGE,
    nonce: { value: `nonce-${nonces}`, count: 1 },
    maxContacts: 3,
    bindings: Object.entries(hosts).map(([host, expiresMs = 3_600_000]) => ({
      key: `sip:agent@${host}`,
      registered: `sip:agent@${host};ob`,
      contact: { uri: `sip:agent@${host};ob`, proxy: 'sip:192.0.2.7:5062;transport=udp', nat: true },
      expiresMs,
    })),
    ...parts,
  };
}

async function open() {
  const redis = await openRedis();
  const store = new RedisRegistrations(redis.link, redis.keys);
  await eventually(() => expect(store.nonceSecret).not.toBeNull());
  const hosts = async () => (await store.contactsOf('sales')).map(({ uri }) => /@(.*);ob/.exec(uri)?.[1]);
  return { ...redis, store, hosts };
}

describe('registrations', () => {
  it('are seen by every gateway, in one round trip', async () => {
    const { store, link, keys } = await open();
    const bound = await store.bind(change({ a: undefined, b: 60_000 }));
    expect(bound).toMatchObject({
      kind: 'bound',
      bindings: [{ key: `sip:agent@b ${EDGE}` }, { key: `sip:agent@a ${EDGE}`, silences: 0 }],
    });
    const other = new RedisRegistrations(link, keys);
    const before = link.exchanges;
    expect(await other.contactsOf('sales')).toEqual([
      { uri: 'sip:agent@b;ob', proxy: 'sip:192.0.2.7:5062;transport=udp' },
      { uri: 'sip:agent@a;ob', proxy: 'sip:192.0.2.7:5062;transport=udp' },
    ]);
    expect(link.exchanges - before).toBe(1);
    expect(await other.contactsOf('nobody')).toEqual([]);
  });

  it('are rung from elsewhere only where no phone of the line can be reached from here', async () => {
    const { store, link, keys } = await open();
    const of = (edge: string) => {
      const registrations = new RedisRegistrations(link, keys, () => edge);
      return async () => (await registrations.contactsOf('sales')).map(({ uri }) => uri);
    };
    const there = of(EDGE);
    const elsewhere = of(ELSEWHERE);
    await store.bind(change({ behindNat: undefined }));
    expect(await there()).toEqual(['sip:agent@behindNat;ob']);
    expect(await elsewhere()).toEqual(['sip:agent@behindNat;ob']);
    const contact = { uri: 'sip:agent@open', proxy: null, nat: false };
    const plain = { key: 'sip:agent@open', registered: 'sip:agent@open', contact, expiresMs: 3_600_000 };
    await store.bind(change({}, { bindings: [plain] }));
    expect((await there()).toSorted()).toEqual(['sip:agent@behindNat;ob', 'sip:agent@open']);
    expect(await elsewhere()).toEqual(['sip:agent@open']);
  });

  it('of one phone stand beside each other where each drachtio-server gets through to it only by its own', async () => {
    const { store, link, keys } = await open();
    const proxies = { [EDGE]: 'sip:192.0.2.7:40001;transport=tls', [ELSEWHERE]: 'sip:192.0.2.7:40002;transport=tls' };
    const registered = 'sip:agent@192.0.2.7:5061;transport=tls';
    const register = async (edge: string, proxy: string | null, expiresMs = 3_600_000): Promise<void> => {
      const contact = { uri: registered, proxy, nat: proxy !== null };
      await store.bind(change({}, { edge, bindings: [{ key: registered, registered, contact, expiresMs }] }));
    };
    const rungFrom = async (edge: string): Promise<(string | null)[]> =>
      (await new RedisRegistrations(link, keys, () => edge).contactsOf('sales')).map(({ proxy }) => proxy);
    for (const [edge, proxy] of Object.entries(proxies)) await register(edge, proxy);
    for (const [edge, proxy] of Object.entries(proxies)) expect(await rungFrom(edge)).toEqual([proxy]);
    await register(ELSEWHERE, proxies[ELSEWHERE], 0);
    expect(await rungFrom(EDGE)).toEqual([proxies[EDGE]]);
    // It is not behind NAT any more: rung straight, and once.
    await register(EDGE, null);
    expect(await rungFrom(EDGE)).toEqual([null]);
    expect(await rungFrom(ELSEWHERE)).toEqual([null]);
  });

  it('are told per line in one round trip', async () => {
    const { store, link } = await open();
    await store.bind(change({ a: 60_000, b: 120_000 }));
    await store.bind(change({ c: 60_000 }, { line: 'desk', userAgent: '' }));
    const before = link.exchanges;
    const told = await store.registrations(['sales', 'desk', 'none']);
    expect(link.exchanges - before).toBe(1);
    expect(told.get('sales')).toMatchObject({ contacts: 2, unreachable: 0, userAgents: ['Phone/1.0'] });
    const { phones = [] } = told.get('sales') ?? {};
    const phone = { address: '192.0.2.7', port: 5062, userAgent: 'Phone/1.0', unreachable: false };
    expect(phones).toMatchObject([phone, phone]);
    expect(phones[1]?.expiresAt).toBe(told.get('sales')?.expiresAt);
    const leftMs = Date.parse(told.get('sales')?.expiresAt ?? '') - Date.now();
    expect(leftMs).toBeGreaterThan(60_000);
    expect(leftMs).toBeLessThanOrEqual(120_500);
    expect(told.get('desk')).toMatchObject({ contacts: 1, userAgents: [] });
    expect(told.get('none')).toEqual({ contacts: 0, unreachable: 0, userAgents: [], expiresAt: null, phones: [] });
  });

  it('end by themselves, and leave no key', async () => {
    const { store, raw, prefix, hosts } = await open();
    await store.bind(change({ short: 60, long: 5_000 }));
    await eventually(async () => expect(await hosts()).toEqual(['long']));
    await store.bind(change({ long: 80 }));
    await eventually(async () => {
      const keys = await raw.keys(`${prefix}v1:line:*`);
      expect(keys.filter((key) => !key.includes(':nonce:'))).toEqual([]);
    });
    // The nonces that they came with.
    expect(Math.min(...(await livesOf(raw, `${prefix}v1:line:*`)))).toBeGreaterThan(0);
  });

  it('the oldest makes room; what is refreshed is not the oldest', async () => {
    const { store, hosts, raw, keys } = await open();
    for (const host of ['a', 'b', 'c']) await store.bind(change({ [host]: undefined }));
    // One registered long ago, the others now.
    for (const [host, at] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      const text = (await raw.hget(keys.lineContacts('sales'), `sip:agent@${host}`)) ?? '{}';
      const aged = JSON.stringify({ ...(JSON.parse(text) as object), at });
      await raw.hset(keys.lineContacts('sales'), `sip:agent@${host}`, aged);
    }
    await store.bind(change({ a: undefined }));
    await store.bind(change({ d: undefined }));
    expect((await hosts()).toSorted()).toEqual(['a', 'c', 'd']);
    await store.bind(change({}, { bindings: change({ e: undefined }).bindings, maxContacts: 1 }));
    expect(await hosts()).toHaveLength(1);
  });

  it('go one by one or all together', async () => {
    const { store, hosts } = await open();
    await store.bind(change({ a: undefined, b: undefined }));
    await store.bind(change({ a: 0, c: undefined }));
    expect((await hosts()).toSorted()).toEqual(['b', 'c']);
    expect(await store.bind(change({}, { bindings: 'clear' }))).toEqual({ kind: 'bound', bindings: [] });
    expect(await hosts()).toEqual([]);
  });

  it('are changed by no request that came late, not even in part', async () => {
    const { store, hosts } = await open();
    await store.bind(change({ a: undefined }, { callId: 'one', cseq: 5 }));
    const late = { callId: 'one', cseq: 5 };
    expect(await store.bind(change({ b: undefined, a: 0 }, late))).toEqual({ kind: 'out-of-order' });
    expect(await store.bind(change({}, { ...late, bindings: 'clear' }))).toEqual({ kind: 'out-of-order' });
    expect(await hosts()).toEqual(['a']);
    expect(await store.bind(change({ a: 0 }, { callId: 'one', cseq: 6 }))).toMatchObject({ kind: 'bound' });
    await store.bind(change({ a: undefined }, { callId: 'after a restart', cseq: 1 }));
    expect(await hosts()).toEqual(['a']);
  });

  it('take each count of a nonce once, and a higher one after it', async () => {
    const { store } = await open();
    const kinds: string[] = [];
    for (const count of [1, 1, 3, 2, 4]) {
      kinds.push((await store.bind(change({ a: undefined }, { nonce: { value: 'n', count } }))).kind);
    }
    expect(kinds).toEqual(['bound', 'replayed', 'bound', 'replayed', 'bound']);
    const others = { nonce: { value: 'n', count: 1 }, line: 'desk' };
    expect((await store.bind(change({ a: undefined }, others))).kind).toBe('bound');
  });

  it('take hostile names for what they are', async () => {
    const { store } = await open();
    const callId = '"}] \\ \u0000 кто';
    await store.bind(change({ a: undefined }, { callId, userAgent: '\\"{' }));
    expect(await store.bind(change({ a: undefined }, { callId }))).toEqual({ kind: 'out-of-order' });
    expect((await store.registrations(['sales'])).get('sales')?.userAgents).toEqual(['\\"{']);
  });
});

describe('keep-alive of contacts', () => {
  it('gives each turn to one gateway, of the edge that it registered at', async () => {
    const { store, raw, keys } = await open();
    await store.bind(change({ a: undefined }));
    expect(await store.claimPings(['sales'], EDGE, 30_000)).toEqual([]);
    await raw.zadd(keys.linePings('sales'), 1, `sip:agent@a ${EDGE}`);
    expect(await store.claimPings(['sales'], ELSEWHERE, 30_000)).toEqual([]);
    await raw.zadd(keys.linePings('sales'), 1, `sip:agent@a ${EDGE}`);
    const claims = await Promise.all([1, 2, 3].map(() => store.claimPings(['sales', 'desk'], EDGE, 30_000)));
    expect(claims.map(({ length }) => length).toSorted()).toEqual([0, 0, 1]);
    expect(await raw.pttl(keys.linePings('sales'))).toBeGreaterThan(30_000);
  });

  it('rings those that fell silent only where there is no other; a REGISTER makes them good', async () => {
    const { store, hosts } = await open();
    await store.bind(change({ a: undefined, b: undefined }));
    const silent = (host: string, answered = false) => store.notePing('sales', `sip:agent@${host} ${EDGE}`, answered);
    expect([await silent('a'), await silent('a'), await silent('a', true), await silent('a')]).toEqual([1, 2, 0, 1]);
    for (let i = 0; i < 2; i++) await silent('a');
    expect(await hosts()).toEqual(['b']);
    for (let i = 0; i < 3; i++) await silent('b');
    expect(await hosts()).toHaveLength(2);
    await store.bind(change({ b: undefined }));
    expect(await hosts()).toEqual(['b']);
    expect(await silent('gone')).toBe(0);
  });
});

describe('what the registrar remembers', () => {
  it('counts wrong passwords by pair, source and user, for a while', async () => {
    const { store, raw, prefix } = await open();
    await store.countFailure({ source: '192.0.2.7', user: 'sales' });
    await store.countFailure({ source: '192.0.2.7', user: 'desk' });
    expect(await store.countFailure({ source: '192.0.2.8', user: 'sales' })).toEqual({ pair: 1, source: 1, user: 2 });
    expect(await store.failures({ source: '192.0.2.7', user: 'sales' })).toEqual({ pair: 1, source: 2, user: 2 });
    expect(Math.min(...(await livesOf(raw, `${prefix}v1:register-failures:*`)))).toBeGreaterThan(590_000);
  });

  it('agrees with every other gateway on the secret of its nonces', async () => {
    const { store, link, keys } = await open();
    const other = new RedisRegistrations(link, keys);
    await eventually(() => expect(other.nonceSecret).toEqual(store.nonceSecret));
  });
});

describe('while Redis is away', () => {
  it('those seen last are rung, nobody registers, and the secret outlives it', async () => {
    const { link, keys, server, raw } = await openOwnRedis();
    const store = new RedisRegistrations(link, keys);
    await eventually(() => expect(store.nonceSecret).not.toBeNull());
    await store.bind(change({ a: undefined }));
    const secret = store.nonceSecret;
    await server.kill();
    expect(await store.contactsOf('sales')).toHaveLength(1);
    expect(await store.contactsOf('desk')).toEqual([]);
    await expect(store.bind(change({ b: undefined }))).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    await expect(store.failures({ source: 's', user: 'u' })).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    await server.up();
    await eventually(async () => expect(await raw.get(keys.nonceSecret())).toBe(secret?.toString('hex')));
    expect(store.nonceSecret).toEqual(secret);
  });
});
