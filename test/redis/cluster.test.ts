import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { checkRedis } from '../../src/cli/doctor/redis.js';
import { RedisLink } from '../../src/redis/connection.js';
import { namesFrom } from '../../src/redis/scan.js';
import { loadScript } from '../../src/redis/scripts.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { NOBODY } from '../support/redis-server.js';
import { eventually } from '../support/redis.js';
import { PATIENCE_MS } from '../support/until.js';

const script = loadScript('count-channels');
/** Names of which each master has some. */
const names = Array.from({ length: 30 }, (_, i) => `key:{${i}}`);

describe('a link to a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster.stop());

  async function open() {
    const address = cluster.address(NOBODY);
    const link = new RedisLink(address);
    const told: string[] = [];
    link.on('up', () => told.push('up'));
    link.on('down', () => told.push('down'));
    onTestFinished(() => link.close());
    await link.waitUntilReady(PATIENCE_MS);
    return { link, told, address };
  }

  it('finds all masters past a node that is away, and sends each command to the one that has its key', async () => {
    const { link, address } = await open();
    expect(link.servers.map(({ options }) => options.port).sort()).toEqual(
      cluster.masters.map(({ port }) => port).sort(),
    );
    const written = await link.pipeline((pipe) => {
      for (const name of names) pipe.set(name, name).get(name);
    });
    expect(written).toEqual(names.flatMap((name) => ['OK', name]));
    const counts = await link.runAll(names.map((name) => ({ script, keys: [`none:${name}`], args: [], read: Number })));
    expect(counts).toEqual(names.map(() => 0));
    const sizes = await Promise.all(link.servers.map((server) => link.send(() => server.dbsize())));
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    const found: string[] = [];
    for await (const some of namesFrom(link, 'key:', 5)) found.push(...some);
    expect(new Set(found)).toEqual(new Set(names));
    const reachable = (await checkRedis(address, 'gw-1')).filter(({ what }) => what.startsWith('redis 127.0.0.1:'));
    expect(reachable.map(({ result }) => result)).toEqual(['ok', 'ok', 'ok']);
  });

  it('is down while a master is away, and goes on with its replica', async () => {
    const { link, told } = await open();
    const [first] = cluster.masters;
    const ofFirst = link.servers.find(({ options }) => options.port === first?.port);
    const kept = await Promise.all(
      names.map(async (name) => ((await ofFirst?.exists(name).catch(() => 0)) ? name : '')),
    );
    const name = kept.find((one) => one !== '') ?? '';
    await link.send((client) => client.set(name, 'value'));
    await eventually(async () => expect(await ofFirst?.wait(1, 100)).toBe(1));
    await first?.kill();
    await eventually(() => expect(told.slice(0, 2)).toEqual(['up', 'down']));
    await expect(link.send((client) => client.get('another'))).rejects.toMatchObject({ code: 'GW_ERR_REDIS_AWAY' });
    // By turns: a node that is slow to answer is taken for lost once more.
    await eventually(() => expect(told.join(' ')).toMatch(/^up( down up)+$/));
    expect(await link.send((client) => client.get(name))).toBe('value');
    expect(await link.run({ script, keys: [`none:${name}`], args: [], read: Number })).toBe(0);
    expect(link.servers.map(({ options }) => options.port)).toContain(cluster.replica.port);
  });
});
