import { EventEmitter } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { RedisCallStore } from '../../src/redis/call-store.js';
import type { RedisLink } from '../../src/redis/connection.js';
import { RecentWrites } from '../../src/redis/recent-writes.js';
import type { ScriptCall } from '../../src/redis/scripts.js';
import { eventually, openOwnRedis, openRedis } from '../support/redis.js';
import { OwnRedis } from '../support/redis-server.js';
import { PATIENCE_MS } from '../support/until.js';
import { exampleCall, exampleChange } from './examples.js';

const script = { name: 'count', lua: "return tostring(redis.call('INCR', KEYS[1]))", sha: '0'.repeat(40) };
const counting: ScriptCall<string> = { script, keys: ['counter'], args: [], read: String };
const counted = (link: RedisLink): Promise<string | null> => link.send((client) => client.get('counter'));

/** The server comes back with nothing, as one that died before its file was on the disk. */
async function crashWithoutMemory({ link, server }: { link: RedisLink; server: OwnRedis }): Promise<void> {
  const down = new Promise<void>((resolve) => link.once('down', () => resolve()));
  await server.kill();
  await down;
  await server.up();
  await link.waitUntilReady(PATIENCE_MS);
}

it('has Redis hear again what it acknowledged just before it died', async () => {
  const redis = await openOwnRedis();
  const { link, raw, keys } = redis;
  const store = new RedisCallStore(link, keys);
  const call = exampleCall();
  await store.commit(exampleChange(call, ['call.received', 'call.ringing'], { endpoints: ['crm'] }));
  await store.commit(exampleChange(call, ['call.missed'], { first: 3, endpoints: ['crm'], closed: true }));
  await crashWithoutMemory(redis);
  await eventually(async () => expect(await raw.xlen(keys.events())).toBe(3));
  expect(await raw.zcard(keys.backlog('crm'))).toBe(3);
  expect(await raw.hget(keys.call(call.id), 'closed')).toBe('1');
  expect(await store.get(call.id)).toMatchObject({ id: call.id });
});

it('changes nothing where Redis has kept it', async () => {
  const { link, raw, keys } = await openOwnRedis();
  const store = new RedisCallStore(link, keys);
  const call = exampleCall();
  await store.commit(exampleChange(call, ['call.received'], { endpoints: ['crm'] }));
  await raw.del(keys.backlog('crm')); // as if delivered meanwhile
  const before = await raw.hgetall(keys.call(call.id));
  const down = new Promise<void>((resolve) => link.once('down', () => resolve()));
  await raw.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await down;
  await link.waitUntilReady(PATIENCE_MS);
  await link.send((client) => client.ping()); // behind what is said again
  expect(await raw.xlen(keys.events())).toBe(1);
  expect(await raw.zcard(keys.backlog('crm'))).toBe(0);
  expect(await raw.hgetall(keys.call(call.id))).toEqual(before);
});

it('lets no later change of the call pass before it', async () => {
  const redis = await openOwnRedis();
  const { link, raw, keys } = redis;
  const store = new RedisCallStore(link, keys);
  const call = exampleCall();
  await store.commit(exampleChange(call, ['call.received']));
  const later = new Promise<void>((resolve, reject) => {
    link.once('up', () => {
      store.commit(exampleChange(call, ['call.missed'], { first: 2, closed: true })).then(resolve, reject);
    });
  });
  await crashWithoutMemory(redis);
  await later;
  const types = (await raw.xrange(keys.events(), '-', '+')).map(([, fields]) => fields[fields.indexOf('type') + 1]);
  expect(types).toEqual(['call.received', 'call.missed']);
});

it('forgets what is older than a crash can take back', async () => {
  const redis = await openOwnRedis();
  let now = 0;
  const recent = new RecentWrites(redis.link, 3_000, () => now);
  await recent.run(counting);
  now = 3_001;
  await recent.run(counting);
  await recent.run(counting);
  await crashWithoutMemory(redis);
  // A script of the test's own is not known to a fresh server, so it takes a second exchange.
  await eventually(async () => expect(await counted(redis.link)).toBe('2'));
});

it('says again what it acknowledged before writes were refused, however long that went on', async () => {
  const redis = await openOwnRedis();
  let now = 0;
  const recent = new RecentWrites(redis.link, 3_000, () => now);
  await recent.run(counting);
  await redis.raw.config('SET', 'min-replicas-to-write', 1);
  await expect(recent.run(counting)).rejects.toThrow('NOREPLICAS');
  now = 60_000;
  await crashWithoutMemory(redis);
  await eventually(async () => expect(await counted(redis.link)).toBe('1'));
});

it('says it before anything else where Redis is back and takes no writes at first', async () => {
  const more: string[] = [];
  const server = await OwnRedis.start({ more });
  onTestFinished(() => server.remove());
  const { link, raw } = await openRedis({ url: server.url });
  let now = 0;
  const recent = new RecentWrites(link, 3_000, () => now);
  const append = { ...counting, script: { ...script, lua: "return redis.call('APPEND', KEYS[1], ARGV[1])" } };
  await recent.run({ ...append, args: ['1'] });
  more.push('--min-replicas-to-write', '1'); // as where its only replica took the place of a master that died
  await crashWithoutMemory({ link, server });
  await eventually(() => expect(link.trouble).toContain('NOREPLICAS'));
  now = 60_000;
  await expect(recent.run({ ...append, args: ['2'] })).rejects.toThrow('NOREPLICAS');
  await raw.config('SET', 'min-replicas-to-write', 0);
  await recent.run({ ...append, args: ['2'] });
  expect(await counted(link)).toBe('12');
});

it('says it once more after a second crash', async () => {
  const redis = await openOwnRedis();
  const recent = new RecentWrites(redis.link);
  await recent.run(counting);
  for (let crash = 1; crash <= 2; crash += 1) {
    await crashWithoutMemory(redis);
    await eventually(async () => expect(await counted(redis.link)).toBe('1'));
  }
});

it('keeps the latest where there is more than it may keep, and every character of it', async () => {
  const redis = await openOwnRedis();
  const recent = new RecentWrites(redis.link, 60_000);
  const lua = "redis.call('RPUSH', KEYS[1], ARGV[1] .. string.len(ARGV[2]) .. string.sub(ARGV[2], 1, 9)) return ''";
  const append = { name: 'append', lua, sha: '1'.repeat(40) };
  // Nine of these are more than eight megabytes.
  const text = 'ж€𝄞'.repeat(150_000);
  for (let n = 1; n <= 9; n += 1)
    await recent.run({ script: append, keys: ['told'], args: [`${n}:`, text], read: String });
  await crashWithoutMemory(redis);
  const told = await eventually(async () => {
    const list = await redis.link.send((client) => client.lrange('told', 0, -1));
    expect(list.at(-1)).toMatch(/^9:/);
    return list;
  });
  const bytes = Buffer.byteLength(text);
  expect(told.length).toBeLessThan(9);
  expect(told).toEqual(told.map((_, i) => `${10 - told.length + i}:${bytes}ж€𝄞`));
});

it('repeats the latest writes as they were, whatever their sizes, however often it has gone round', async () => {
  const said: ScriptCall<string>[] = [];
  const link = Object.assign(new EventEmitter(), {
    run: (): Promise<string> => Promise.resolve(''),
    runSettled: (calls: ScriptCall<string>[]): Promise<string[]> => {
      said.push(...calls);
      return Promise.resolve([]);
    },
  });
  const recent = new RecentWrites(link as unknown as RedisLink, 60_000);
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const written: ScriptCall<string>[] = [];
  for (let n = 1; n <= 6_000; n += 1) {
    // A large one ends a lap early: what the lap before wrote behind that place is still there.
    const text = 'x'.repeat(random() < 0.5 ? 500 : 500 + Math.floor(30_000 * random()));
    const call = { ...counting, keys: [`call-${n}`], args: [`${n}:`, text] };
    await recent.run(call);
    written.push(call);
    if (n % 100 > 0) continue;
    said.length = 0;
    link.emit('up');
    const sent = said.map(({ keys, args }) => [...keys, ...args]);
    expect(sent).toEqual(written.slice(-said.length).map(({ keys, args }) => [...keys, ...args]));
    // Each has room for three bytes a character when it is written, so a lap may end that much earlier.
    if (n > 2_000) expect(sent.flat().join('').length).toBeGreaterThan(8_000_000);
  }
});
