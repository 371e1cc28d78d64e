import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RedisLink } from '../../src/redis/connection.js';
import { loadedScripts, loadScript } from '../../src/redis/scripts.js';
import { NOBODY } from '../support/redis-server.js';
import { eventually, openOwnRedis, openRedis } from '../support/redis.js';
import '../../src/redis/admissions.js';
import '../../src/redis/call-store.js';
import '../../src/redis/numbers.js';
import '../../src/redis/outbox.js';

const count = { script: loadScript('count-channels'), keys: ['any'], args: [], read: Number };

describe('the link to Redis', () => {
  it('knows every script that its modules use', async () => {
    const { raw } = await openRedis();
    const shas = loadedScripts().map(({ sha }) => sha);
    expect(shas.length).toBeGreaterThan(10);
    expect(await raw.script('EXISTS', ...shas)).toEqual(shas.map(() => 1));
  });

  it('sends a script again with its text when the server has forgotten it', async () => {
    // One of its own: what is forgotten in the common one costs somebody else's test an exchange.
    const { link, raw, prefix } = await openOwnRedis();
    await raw.script('FLUSH');
    expect(await link.run({ ...count, keys: [`${prefix}a`] })).toBe(0);
    await raw.script('FLUSH');
    expect(
      await link.runAll([
        { ...count, keys: [`${prefix}a`] },
        { ...count, keys: [`${prefix}b`] },
      ]),
    ).toEqual([0, 0]);
  });

  it('counts a pipeline as one exchange', async () => {
    const { link } = await openRedis();
    const before = link.exchanges;
    await link.runAll([count, count, count]);
    expect(link.exchanges - before).toBe(1);
  });

  it('fails at once while the server is away, and comes back by itself', async () => {
    const { link, server } = await openOwnRedis();
    const down = once(link, 'down');
    await server.kill();
    expect(await down).not.toEqual(['not connected yet']);
    expect(link.ready).toBe(false);
    await expect(link.run(count)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    await expect(link.send((client) => client.get('x'))).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    const up = once(link, 'up');
    await server.up();
    await up;
    expect(await link.run(count)).toBe(0);
  });

  it('gives up on a server that holds the connection and does not answer', async () => {
    const { link, server } = await openOwnRedis({ commandTimeoutMs: 200 });
    const down = once(link, 'down');
    server.freeze();
    await expect(link.run(count)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    await down;
    await expect(link.run(count)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    server.thaw();
    await eventually(async () => expect(await link.run(count)).toBe(0));
  });

  it('stays down while writes are paused: it would come back and be lost with each script', async () => {
    const { link, raw } = await openOwnRedis({ commandTimeoutMs: 200 });
    const told: string[] = [];
    link.on('down', () => told.push('down')).on('up', () => told.push('up'));
    const connections = async () => Number(/total_connections_received:(\d+)/.exec(await raw.info('stats'))?.[1]);
    await raw.client('PAUSE', 60_000, 'WRITE');
    const before = await connections();
    await expect(link.run(count)).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    await eventually(async () => expect(await connections()).toBeGreaterThan(before + 2));
    expect(told).toEqual(['down']);
    await raw.client('UNPAUSE');
    await eventually(async () => expect(await link.run(count)).toBe(0));
    expect(told).toEqual(['down', 'up']);
  });

  it('says why it does not come back, too: at first it was just closed', async () => {
    const { link, raw } = await openOwnRedis();
    await raw.config('SET', 'requirepass', 'another');
    const down = once(link, 'down');
    await raw.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(await down).toEqual(['connection closed']);
    await eventually(() => expect(link.trouble).toMatch(/^no connection: .*NOAUTH/));
    await raw.config('SET', 'requirepass', '');
    await eventually(() => expect(link.trouble).toBeNull());
  });

  it('gives such a connection up once, however many commands wait on it', async () => {
    const { link, server } = await openOwnRedis({ commandTimeoutMs: 200 });
    const warnings: string[] = [];
    const warned = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    server.freeze();
    await Promise.allSettled(Array.from({ length: 20 }, () => link.run(count)));
    server.thaw();
    await eventually(async () => expect(await link.run(count)).toBe(0));
    expect(warnings).toEqual([]);
  });

  it('takes no healthy server for lost because this process stood still', async () => {
    const { link } = await openRedis({ commandTimeoutMs: 500 });
    const answer = link.run(count);
    await nextTurn(); // it has left
    const until = performance.now() + 1_000;
    while (performance.now() < until);
    expect(await answer).toBe(0);
    expect(link.ready).toBe(true);
  });

  it('rejects what was under way when the connection broke', async () => {
    const { link, server } = await openOwnRedis();
    server.freeze();
    const pending = link.run(count);
    await Promise.all([expect(pending).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' }), server.kill()]);
  });

  it('says once that there is no server, and keeps trying', async () => {
    const link = new RedisLink({ url: `redis://user:topsecret@${NOBODY}/0` });
    const reasons: string[] = [];
    link.on('down', (reason) => reasons.push(reason));
    await expect(link.waitUntilReady(300)).rejects.toMatchObject({ code: 'GW_ERR_DEADLINE' });
    await eventually(() => expect(reasons).toHaveLength(1));
    link.close();
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain('ECONNREFUSED');
    expect(reasons[0]).not.toContain('topsecret');
  });

  it('maps an error of a script, and reads what the others returned', async () => {
    const { link, raw, prefix } = await openRedis();
    await raw.set(`${prefix}text`, 'not a set');
    const results = await link.runSettled([
      { ...count, keys: [`${prefix}text`] },
      { ...count, keys: [`${prefix}none`] },
    ]);
    expect(results[0]).toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    expect(results[1]).toBe(0);
  });
});
