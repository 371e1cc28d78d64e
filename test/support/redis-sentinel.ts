import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from './processes.js';
import { freePort, OwnRedis } from './redis-server.js';
import { until } from './until.js';

const PASSWORD = 'of-the-servers';
const SENTINEL_PASSWORD = 'of-the-sentinels';
const NAME = 'calltrack';

/** Two servers, of which one copies the other, and a sentinel that watches them; all of them ask for passwords. */
export class SentinelHouse {
  private constructor(
    readonly servers: [OwnRedis, OwnRedis],
    private readonly sentinel: Program,
    private readonly port: number,
    private readonly folder: string,
  ) {}

  /** @param downAfterMs how long a server may be silent before the other one takes over */
  static async start(downAfterMs: number): Promise<SentinelHouse> {
    const locked = ['--requirepass', PASSWORD, '--masterauth', PASSWORD];
    const master = await OwnRedis.start({ more: locked });
    const copy = await OwnRedis.start({ more: [...locked, '--replicaof', '127.0.0.1', String(master.port)] });
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-sentinel-'));
    const file = join(folder, 'sentinel.conf');
    const settings = [
      'bind 127.0.0.1',
      `dir ${folder}`,
      `requirepass ${SENTINEL_PASSWORD}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 1`,
      `sentinel auth-pass ${NAME} ${PASSWORD}`,
      `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${NAME} 3000`,
    ];
    for (;;) {
      const port = await freePort();
      await writeFile(file, [`port ${port}`, ...settings].join('\n'));
      const sentinel = new Program('redis-server', [file, '--sentinel']);
      // It finds the copy by asking the master; it ends where somebody else took the port meanwhile.
      await until('the sentinel knows both', () => sentinel.output.includes('+slave') || !sentinel.running);
      if (sentinel.running) return new SentinelHouse([master, copy], sentinel, port, folder);
    }
  }

  /** As an operator would write it; `nodes` may begin with one that is not there. */
  address(...gone: string[]) {
    const nodes = [...gone, `127.0.0.1:${this.port}`];
    return {
      url: `redis://:${PASSWORD}@nowhere.example:6379/1`,
      sentinel: { name: NAME, nodes, password: SENTINEL_PASSWORD, tls: false },
    };
  }

  async stop(): Promise<void> {
    await this.sentinel.stop();
    for (const server of this.servers) {
      server.thaw();
      await server.remove();
    }
    await rm(this.folder, { recursive: true });
  }
}
