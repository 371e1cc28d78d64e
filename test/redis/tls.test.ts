import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import type { RedisAddress } from '../../src/redis/client.js';
import { RedisLink } from '../../src/redis/connection.js';
import { loadScript } from '../../src/redis/scripts.js';
import { Program } from '../support/processes.js';
import { freePort, OwnRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

const script = loadScript('count-channels');
let folder: string;
let settings: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'calltrack-tls-'));
  const subject = '-subj /CN=x -addext subjectAltName=IP:127.0.0.1';
  const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out cert -days 2 ${subject}`;
  execFileSync('openssl', made.split(' '), { cwd: folder, stdio: 'ignore' });
  const [cert, key] = [join(folder, 'cert'), join(folder, 'key')];
  settings = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'];
});

afterAll(() => rm(folder, { recursive: true }));

/** As NODE_EXTRA_CA_CERTS does it, which is read when a process starts. */
async function trustAuthority(): Promise<void> {
  const authority = await readFile(join(folder, 'cert'), 'utf8');
  const create = tls.createSecureContext;
  const spy = vi.spyOn(tls, 'createSecureContext').mockImplementation((options) => {
    const secure = create(options);
    (secure.context as { addCACert: (pem: string) => void }).addCACert(authority);
    return secure;
  });
  onTestFinished(() => spy.mockRestore());
}

async function startServer(more: string[] = [], cluster = false): Promise<OwnRedis> {
  const server = await OwnRedis.start({ tls: settings, more: ['--requirepass', 'of the server', ...more], cluster });
  onTestFinished(() => server.remove());
  return server;
}

function open(address: RedisAddress): RedisLink {
  const link = new RedisLink(address);
  onTestFinished(() => link.close());
  return link;
}

const urlOf = (host: string): string => `rediss://:of%20the%20server@${host}`;

async function expectToWork(link: RedisLink): Promise<void> {
  await link.waitUntilReady(10_000);
  expect(await link.run({ script, keys: ['any'], args: [], read: Number })).toBe(0);
  expect(link.servers.map(({ stream }) => (stream as tls.TLSSocket).authorized)).toEqual([true]);
}

it('speaks TLS to one server, and to none whose certificate it cannot believe', async () => {
  const { port } = await startServer();
  const doubting = open({ url: urlOf(`127.0.0.1:${port}`) });
  const reason = await new Promise((resolve) => doubting.once('down', resolve));
  expect(reason).toContain('self-signed certificate');
  await trustAuthority();
  await expectToWork(open({ url: urlOf(`127.0.0.1:${port}`) }));
});

it('speaks TLS to sentinels, and to the server that they name', async () => {
  await trustAuthority();
  const { port } = await startServer();
  const sentinelPort = await freePort();
  const file = join(folder, 'sentinel.conf');
  const lines = [
    ...['port 0', `tls-port ${sentinelPort}`, 'tls-replication yes', 'bind 127.0.0.1', `dir ${folder}`],
    ...settings.join(' ').slice(2).split(' --'),
    `sentinel monitor calltrack 127.0.0.1 ${port} 1`,
    'sentinel auth-pass calltrack "of the server"',
  ];
  await writeFile(file, lines.join('\n'));
  const sentinel = new Program('redis-server', [file, '--sentinel']);
  onTestFinished(() => sentinel.stop());
  await until('the sentinel watches', () => sentinel.output.includes('+monitor'), 20_000);
  const nodes = [`127.0.0.1:${sentinelPort}`];
  await expectToWork(open({ url: urlOf('nowhere.example:6379'), sentinel: { name: 'calltrack', nodes, tls: true } }));
}, 30_000);

it('speaks TLS to the nodes of a cluster', async () => {
  await trustAuthority();
  const { port } = await startServer(['--tls-cluster', 'yes', '--cluster-announce-ip', '127.0.0.1'], true);
  const cli = [
    '-p',
    String(port),
    '--tls',
    '--cacert',
    join(folder, 'cert'),
    '-a',
    'of the server',
    '--no-auth-warning',
  ];
  const ask = (...words: string[]): string => execFileSync('redis-cli', [...cli, ...words], { encoding: 'utf8' });
  ask('cluster', 'addslotsrange', '0', '16383');
  await until('the cluster is whole', () => ask('cluster', 'info').includes('cluster_state:ok'), 20_000);
  await expectToWork(open({ url: urlOf('nowhere.example:6379'), cluster: [`127.0.0.1:${port}`] }));
}, 30_000);
