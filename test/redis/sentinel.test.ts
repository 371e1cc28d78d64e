import { describe, expect, it, onTestFinished } from 'vitest';
import { checkRedis } from '../../src/cli/doctor/redis.js';
import { RedisLink } from '../../src/redis/connection.js';
import { loadScript } from '../../src/redis/scripts.js';
import { NOBODY } from '../support/redis-server.js';
import { SentinelHouse } from '../support/redis-sentinel.js';
import { eventually } from '../support/redis.js';
import { PATIENCE_MS } from '../support/until.js';

async function open(downAfterMs = 1_000) {
  const house = await SentinelHouse.start(downAfterMs);
  const address = house.address(NOBODY);
  const link = new RedisLink(address);
  const told: string[] = [];
  link.on('up', () => told.push('up'));
  link.on('down', () => told.push('down'));
  onTestFinished(async () => {
    link.close();
    await house.stop();
  });
  await link.waitUntilReady(PATIENCE_MS);
  const portInUse = async () => {
    const info = await link.send((client) => client.info('server'));
    return Number(/tcp_port:(\d+)/.exec(info)?.[1]);
  };
  return { house, address, link, told, portInUse };
}

describe('a link by sentinels', () => {
  it('finds the server that writes, past a sentinel that is away, with passwords and database', async () => {
    const { house, address, link, portInUse } = await open();
    expect(await portInUse()).toBe(house.servers[0].port);
    await link.send((client) => client.set('key', 'value'));
    expect(await link.send((client) => client.info('keyspace'))).toContain('db1:keys=1');
    expect(await checkRedis(address, 'gw-1')).toContainEqual(
      expect.objectContaining({ result: 'ok', what: 'redis calltrack by sentinel' }),
    );
  });

  it.each([
    ['is killed', 1_000, (server: SentinelHouse['servers'][0]) => server.kill()],
    [
      'stands still, and is connected to once more',
      // A connection that is given up is closed after two seconds; then the sentinels still name the first server.
      6_000,
      (server: SentinelHouse['servers'][0]) => {
        server.freeze();
        return Promise.resolve();
      },
    ],
  ])('goes on with the other server where the first one %s', async (_, downAfterMs, lose) => {
    const { house, link, told, portInUse } = await open(downAfterMs);
    const [first, second] = house.servers;
    await link.send((client) => client.set('key', 'value'));
    await eventually(async () => expect(await link.send((client) => client.wait(1, 100))).toBe(1));
    await lose(first);
    await eventually(async () => expect(await portInUse()).toBe(second.port));
    expect(await link.send((client) => client.get('key'))).toBe('value');
    // By turns: a server that is slow to answer is taken for lost once more.
    expect(told.join(' ')).toMatch(/^up( down up)+$/);
    expect(await link.run({ script: loadScript('count-channels'), keys: ['any'], args: [], read: Number })).toBe(0);
    await link.send((client) => client.set('key', 'written'));
  });

  it('says so where no sentinel is there', async () => {
    const sentinel = { name: 'calltrack', nodes: [NOBODY], tls: false };
    const link = new RedisLink({ url: 'redis://127.0.0.1:6379', sentinel });
    onTestFinished(() => link.close());
    const reasons: string[] = [];
    link.on('down', (reason) => reasons.push(reason));
    await eventually(() => expect(reasons).toHaveLength(1));
    expect(reasons[0]).toContain('All sentinels are unreachable');
  });
});
