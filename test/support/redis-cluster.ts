import { Cluster, Redis } from 'ioredis';
import { OwnRedis } from './redis-server.js';
import { until } from './until.js';

const PASSWORD = 'of the cluster: /?#';
const MASTERS = 3;
const SLOTS = 16_384;
/** After so long a silent master's replica takes its place, ms. */
const NODE_TIMEOUT_MS = 1_000;

/** Three masters that share the slots, and a replica of the first, which has the calls; all of them ask for a password. */
export class RedisCluster {
  private constructor(
    readonly masters: OwnRedis[],
    readonly replica: OwnRedis,
  ) {}

  static async start(): Promise<RedisCluster> {
    const more = [
      '--cluster-node-timeout',
      String(NODE_TIMEOUT_MS),
      '--requirepass',
      PASSWORD,
      '--masterauth',
      PASSWORD,
    ];
    const servers = await Promise.all(
      Array.from({ length: MASTERS + 1 }, () => OwnRedis.start({ cluster: true, more })),
    );
    const cluster = new RedisCluster(servers.slice(0, MASTERS), servers[MASTERS] as OwnRedis);
    try {
      await cluster.#join();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** As an operator would write it; `nodes` may begin with one that is not there. */
  address(...gone: string[]) {
    const nodes = this.masters.slice(0, 2).map(({ port }) => `127.0.0.1:${port}`);
    return { url: `redis://:${encodeURIComponent(PASSWORD)}@nowhere.example:6379`, cluster: [...gone, ...nodes] };
  }

  /** Of a test's own, for looking and for what others write. */
  client(): Cluster {
    const client = new Cluster(
      this.masters.map(({ port }) => port),
      { redisOptions: { password: PASSWORD } },
    );
    client.on('error', () => undefined); // expected where a test takes a node away
    return client;
  }

  async stop(): Promise<void> {
    for (const server of [...this.masters, this.replica]) {
      server.thaw();
      await server.remove();
    }
  }

  async #join(): Promise<void> {
    const clients = [...this.masters, this.replica].map(({ port }) => new Redis({ port, password: PASSWORD }));
    const [first, ...others] = clients as [Redis, ...Redis[]];
    const replica = others.at(-1) as Redis;
    try {
      const share = Math.ceil(SLOTS / MASTERS);
      const shareOfCalls = Math.floor((await first.cluster('KEYSLOT', '{calls}')) / share);
      for (const [i, client] of clients.slice(0, MASTERS).entries()) {
        const from = ((i + shareOfCalls) % MASTERS) * share;
        await client.cluster('ADDSLOTSRANGE', from, Math.min(from + share, SLOTS) - 1);
      }
      for (const { port, nodePort } of [...this.masters.slice(1), this.replica])
        await first.call('CLUSTER', 'MEET', '127.0.0.1', port, String(nodePort));
      const knowsAll = async (client: Redis) =>
        (await client.cluster('INFO')).includes(`cluster_known_nodes:${clients.length}\r`);
      for (const client of clients) await until('all nodes know each other', () => knowsAll(client));
      await replica.cluster('REPLICATE', await first.cluster('MYID'));
      const isWhole = async (client: Redis) => (await client.cluster('INFO')).includes('cluster_state:ok');
      for (const client of clients) await until('the cluster is whole', () => isWhole(client));
      const isCopying = async () => (await replica.info('replication')).includes('link_status:up');
      await until('the replica copies', isCopying);
    } finally {
      for (const client of clients) client.disconnect();
    }
  }
}
