import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Where no server is: a port that programs are not given. */
export const NOBODY = '127.0.0.1:1';

/**
 * A free TCP port of loopback at this moment. None of those that the kernel gives to connections (32768 up): a server that
 * is to come back on it would find it taken by anybody's.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 20_000);
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

export type AppendFsync = 'always' | 'everysec';

/** A redis-server of our own: nothing saved unless `appendfsync` says so, data in a temporary folder, ended by its own pid. */
export class OwnRedis {
  readonly #directory: string;
  #process: ChildProcess | null = null;

  readonly #appendfsync: AppendFsync | null;

  private constructor(
    readonly port: number,
    directory: string,
    appendfsync: AppendFsync | null,
    private readonly more: readonly string[],
    /** Where the nodes of its cluster speak to it; null without one. */
    readonly nodePort: number | null,
    /** Arguments of redis-server by which it speaks TLS, and nothing else. */
    private readonly tls: readonly string[] | null,
  ) {
    this.#directory = directory;
    this.#appendfsync = appendfsync;
  }

  /**
   * @param appendfsync how surely data outlasts `kill` and `up`; null: not at all
   * @param cluster a node of a cluster, without any slot yet
   * @param more arguments of redis-server
   * @param tls those by which it speaks TLS, and nothing else; null: it does not
   */
  static async start({
    appendfsync = null,
    cluster = false,
    more = [],
    tls = null,
  }: {
    appendfsync?: AppendFsync | null;
    cluster?: boolean;
    more?: string[];
    tls?: string[] | null;
  } = {}): Promise<OwnRedis> {
    const directory = await mkdtemp(join(tmpdir(), 'calltrack-redis-'));
    for (let attempt = 1; ; attempt += 1) {
      // The nodes' own port would be ours and 10,000, which there may not be.
      const nodePort = cluster ? await freePort() : null;
      const own = new OwnRedis(await freePort(), directory, appendfsync, more, nodePort, tls);
      try {
        await own.up();
        return own;
      } catch (error) {
        // Somebody else took the port between our look and our start.
        if (attempt === 5) throw error;
      }
    }
  }

  get url(): string {
    return `${this.tls ? 'rediss' : 'redis'}://127.0.0.1:${this.port}/0`;
  }

  /** As a configuration has it. */
  address(): { url: string } {
    return { url: this.url };
  }

  /** Starts the server (again) on the same port; an earlier instance's data is gone unless it is on the disk. */
  async up(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#directory];
    args.push('--save', '', '--appendonly', this.#appendfsync ? 'yes' : 'no', '--daemonize', 'no', '--logfile', '');
    if (this.#appendfsync) args.push('--appendfsync', this.#appendfsync);
    if (this.nodePort !== null) args.push('--cluster-enabled', 'yes', '--cluster-port', String(this.nodePort));
    if (this.tls) args.push('--port', '0', '--tls-port', String(this.port), ...this.tls);
    args.push(...this.more);
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = child;
    const lines: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        reject(new Error(`redis-server ended with ${code ?? 'a signal'} before it was ready:\n${lines.join('\n')}`));
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line);
        if (line.includes('Ready to accept connections')) resolve();
      });
    });
  }

  /** Kills it as a crash would; clients see their connections reset. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Stops it from answering while its connections stay open. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
