import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Terminal } from '../../src/cli/command.js';
import { doctor } from '../../src/cli/commands/doctor.js';
import { checkPasswords, judgeSpace } from '../../src/cli/doctor/local.js';
import { judgeRedis } from '../../src/cli/doctor/redis.js';
import { judgeCertificate } from '../../src/cli/doctor/tls.js';
import { configSchema } from '../../src/config/schema.js';
import { gatewayName } from '../../src/redis/client.js';
import { DrachtioServer } from '../../src/sandbox/drachtio/index.js';
import { RedisLink } from '../../src/redis/connection.js';
import { AddressBlock } from '../support/addresses.js';
import type { Engines } from '../support/engines.js';
import { openOwnRedis } from '../support/redis.js';
import { OwnRedis } from '../support/redis-server.js';
import { startSandboxEngines } from '../support/sandbox-engines.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const BASE = {
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [{ id: 'site', defaultRoute: 'none' }],
};

let engines: Engines;
let redis: OwnRedis;
let folder: string;
let addresses: AddressBlock;

beforeAll(async () => {
  addresses = await AddressBlock.claim();
  [engines, redis, folder] = await Promise.all([
    startSandboxEngines({ address: addresses.engines }),
    OwnRedis.start(),
    mkdtemp(join(tmpdir(), 'calltrack-doctor-')),
  ]);
});
afterAll(async () => {
  await Promise.all([engines.stop(), redis.remove(), rm(folder, { recursive: true, force: true })]);
  addresses.release();
});

interface Finding {
  what: string;
  result: string;
  detail: string;
}

async function examine(change: Record<string, unknown> = {}) {
  const { drachtio, freeswitch } = engines;
  const config = {
    ...BASE,
    http: { host: addresses.engines, port: 8080 },
    redis: { url: redis.url },
    engines: { mode: 'real', drachtio, freeswitch: [freeswitch] },
    recordings: { directory: folder, spool: folder },
    ...change,
  };
  const file = join(folder, 'gateway.yaml');
  await writeFile(file, stringify(config));
  const lines: string[] = [];
  const terminal: Terminal = {
    out: (text) => lines.push(text),
    err: (text) => lines.push(text),
    tty: false,
    clear: () => undefined,
    env: {},
    secret: () => Promise.resolve(''),
    interrupted: new AbortController().signal,
  };
  const status = await doctor.run({ config: file, json: true }, [], terminal);
  const { findings } = JSON.parse(lines[0] ?? '') as { findings: Finding[] };
  return { status, of: (start: string) => findings.find(({ what }) => what.startsWith(start)), findings };
}

describe('doctor', () => {
  it('finds engines that take our secrets, Redis and its settings, folders and the clock', async () => {
    const { status, of, findings } = await examine();
    expect(findings.filter(({ result }) => result === 'fail')).toEqual([]);
    expect(status).toBe(0);
    expect(of('drachtio')).toMatchObject({ result: 'ok', detail: 'reachable, secret accepted' });
    expect(of('freeswitch')).toMatchObject({
      result: 'ok',
      detail: `reachable, password accepted, profile calltrack at ${addresses.engines}:5080`,
    });
    expect(of('SIP')?.detail).toMatch(/OPTIONS/);
    expect(of('redis 127')).toMatchObject({ result: 'ok', detail: expect.stringContaining('version') as string });
    expect(of('redis appendonly')).toMatchObject({ result: 'warn' });
    expect(of('redis maxmemory-policy')).toMatchObject({ result: 'ok' });
    expect(of('redis memory')).toMatchObject({
      detail: expect.stringMatching(/MB used of \d+ MB of the machine/) as string,
    });
    expect(of('clock')).toMatchObject({ result: 'ok' });
    expect(of('spool')?.detail).toContain('GB free');
    expect(of('HTTP')).toMatchObject({ result: 'warn', detail: 'free: the gateway is not running' });
  });

  it('finds two gateways of one name, and no fault in several', async () => {
    const open = async (id: string) => {
      const link = new RedisLink({ url: redis.url, name: gatewayName(id) });
      onTestFinished(() => link.close());
      await link.waitUntilReady(5000);
    };
    await Promise.all(['gw-1', 'gw-2'].map(open));
    expect((await examine()).of('gateway.id')).toBeUndefined();
    await open('gw-1');
    expect((await examine()).of('gateway.id gw-1')).toMatchObject({
      result: 'warn',
      detail: expect.stringMatching(/^2 gateways of this Redis have it \(127\.0\.0\.1:\d+, 127\./) as string,
    });
  });

  const secure = { trunks: [{ ...BASE.trunks[0], outbound: { to: 'sip:sip.carrier.example;transport=tls' } }] };

  it('tells how long the certificate for SIP over TLS is good for', async () => {
    const { of } = await examine(secure);
    const { host, port } = engines.sips;
    expect(of(`SIP ${host}:${port} tls`)?.detail).toMatch(/^takes TLS, its certificate ends on 20\d\d-\d\d-\d\d$/);
    const [day, now] = [86_400_000, Date.parse('2026-01-01T00:00:00Z')];
    const results = [-1, 13, 15].map(
      (days) => judgeCertificate('x', new Date(now + days * day).toUTCString(), now).result,
    );
    expect(results).toEqual(['fail', 'warn', 'ok']);
  });

  it('finds a trunk that wants TLS where drachtio-server takes none', async () => {
    const host = addresses.peerEngines;
    const without = { adminHost: host, adminPort: 9022, sipHost: host, sipPort: 5060, secret: 'only-for-this-test' };
    const server = await DrachtioServer.listen(without);
    onTestFinished(() => server.close());
    const drachtio = { host, port: 9022, secret: 'only-for-this-test' };
    const { of } = await examine({
      ...secure,
      engines: { mode: 'real', drachtio, freeswitch: [engines.freeswitch] },
    });
    expect(of('SIP tls')).toMatchObject({
      result: 'fail',
      detail: 'drachtio-server has no contact for TLS; it is wanted by trunk carrier',
    });
  });

  it('asks for SIP where drachtio-server says that it takes it, wherever its admin port is', async () => {
    const wire = await TcpProxy.open(engines.drachtio);
    onTestFinished(() => wire.close());
    const drachtio = { ...engines.drachtio, host: wire.host, port: wire.port };
    const { of } = await examine({ engines: { mode: 'real', drachtio, freeswitch: [engines.freeswitch] } });
    expect(of(`drachtio ${wire.host}:${wire.port}`)).toMatchObject({ result: 'ok' });
    expect(of(`SIP ${engines.sip.host}:${engines.sip.port} udp`)?.detail).toMatch(/OPTIONS/);
  });

  it('finds a FreeSWITCH without our profile, and the key of the configuration to try', async () => {
    const { drachtio, freeswitch } = engines;
    const sandbox = parse(await readFile('config/sandbox.yaml', 'utf8')) as { access: unknown };
    const { status, of } = await examine({
      engines: { mode: 'real', drachtio, freeswitch: [{ ...freeswitch, profile: 'internal' }] },
      access: sandbox.access,
    });
    expect(of('freeswitch')).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining('profile "internal" is not running') as string,
    });
    expect(of('key sandbox of access.keys')).toMatchObject({ result: 'fail', detail: 'is a well-known default' });
    expect(status).toBe(1);
  });

  it('finds a Redis that will throw events away, and one that takes no more', async () => {
    const { raw, server } = await openOwnRedis();
    const redis = { url: server.url };
    await raw.config('SET', 'maxmemory', '100mb');
    await raw.config('SET', 'maxmemory-policy', 'volatile-lru');
    await raw.config('SET', 'appendonly', 'yes');
    const roomy = await examine({ redis });
    expect(roomy.of('redis appendonly')).toMatchObject({ result: 'ok', detail: 'yes' });
    expect(roomy.of('redis memory')).toMatchObject({
      result: 'ok',
      detail: expect.stringMatching(/^\d MB used of 105 MB maxmemory$/) as string,
    });
    expect(roomy.of('redis maxmemory-policy')).toMatchObject({
      result: 'warn',
      detail: expect.stringMatching(/^volatile-lru; .* once 105 MB are full/) as string,
    });
    await raw.config('SET', 'maxmemory-policy', 'noeviction');
    await raw.setrange('ballast', 90_000_000, 'x');
    expect((await examine({ redis })).of('redis memory')).toMatchObject({ result: 'warn' });
    await raw.config('SET', 'maxmemory', '50mb');
    const full = await examine({ redis });
    expect(full.of('redis memory')).toMatchObject({
      result: 'fail',
      detail: expect.stringMatching(/takes no writes$/) as string,
    });
    expect(full.status).toBe(1);
  });

  it('finds a webhook that waits for calls of which nobody tells it', async () => {
    const hook = { url: 'https://crm.example/', secret: 'a text of 24 characters and more' };
    const { status, findings } = await examine({
      sites: [{ ...BASE.sites[0], webhooks: ['crm'] }],
      webhooks: ['crm', 'forgotten'].map((id) => ({ id, ...hook })),
    });
    expect(findings.filter(({ what }) => what.startsWith('webhook'))).toEqual([
      { what: 'webhooks', result: 'warn', detail: expect.stringMatching(/^no site names .*: forgotten$/) as string },
    ]);
    expect(status).toBe(0);
  });

  it('says what is wrong, and ends with 1', async () => {
    const { drachtio, freeswitch } = engines;
    const { status, of } = await examine({
      redis: { url: 'redis://127.0.0.1:9/0' },
      engines: {
        mode: 'real',
        drachtio: { ...drachtio, secret: 'wrong' },
        freeswitch: [{ ...freeswitch, secret: 'ClueCon' }],
      },
      recordings: { directory: join(folder, 'missing'), spool: folder, minFree: '999999GB' },
    });
    expect(status).toBe(1);
    expect(of('drachtio')).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining('secret refused') as string,
    });
    expect(of('freeswitch')).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining('password refused') as string,
    });
    expect(of('redis')).toMatchObject({ result: 'fail', detail: expect.stringContaining('not reachable') as string });
    expect(of('recordings')).toMatchObject({
      result: 'warn',
      detail: expect.stringContaining('does not exist') as string,
    });
    expect(of('spool')).toMatchObject({ result: 'fail', detail: expect.stringContaining('minFree') as string });
    expect(of('password engines.freeswitch')).toMatchObject({ result: 'fail', detail: 'is a well-known default' });
  });

  it('ends with 2 on a wrong configuration', async () => {
    const { status, findings } = await examine({ routes: [] });
    expect(status).toBe(2);
    expect(findings.every(({ result }) => result === 'fail')).toBe(true);
  });
});

describe('what doctor thinks', () => {
  const facts = {
    version: '7.0.15',
    appendOnly: true,
    maxMemoryPolicy: 'noeviction',
    usedBytes: 2e8,
    maxMemoryBytes: 1e9,
    memoryBytes: 8e9,
    skewMs: 3,
  };
  it.for([
    [{}, 'ok ok ok ok ok'],
    [{ version: '6.2.14' }, 'fail ok ok ok ok'],
    [{ version: '7.0.0' }, 'ok ok ok ok ok'],
    [{ version: '10.1.0' }, 'ok ok ok ok ok'],
    [{ version: '8.2.1' }, 'ok ok ok ok ok'],
    [{ appendOnly: false, maxMemoryPolicy: 'allkeys-lru' }, 'ok warn warn ok ok'],
    [{ maxMemoryPolicy: 'allkeys-lru', maxMemoryBytes: 0 }, 'ok ok warn ok ok'],
    [{ appendOnly: null, maxMemoryPolicy: null }, 'ok warn warn ok ok'],
    [{ usedBytes: 9e8 }, 'ok ok ok warn ok'],
    [{ usedBytes: 1e9 }, 'ok ok ok fail ok'],
    [{ usedBytes: 2e9, maxMemoryBytes: 0 }, 'ok ok ok ok ok'],
    [{ usedBytes: 7e9, maxMemoryBytes: 0 }, 'ok ok ok warn ok'],
    [{ usedBytes: 0, maxMemoryBytes: 0, memoryBytes: 0 }, 'ok ok ok warn ok'],
    [{ skewMs: -800 }, 'ok ok ok ok warn'],
    [{ skewMs: 9000 }, 'ok ok ok ok fail'],
  ] as const)('of a Redis with %o', ([change, results]) => {
    expect(
      judgeRedis('redis', { ...facts, ...change })
        .map(({ result }) => result)
        .join(' '),
    ).toBe(results);
  });

  it.for([
    [1e8, 1e6, 'fail'],
    [5e9, 1e9, 'warn'],
    [5e10, 1e9, 'ok'],
    [5e10, 1e11, 'fail'],
  ] as const)('of %s bytes free where %s are needed', ([bytes, needed, result]) => {
    expect(judgeSpace('spool', bytes, needed).result).toBe(result);
  });

  it('of passwords, without telling them', () => {
    const config = configSchema.parse({
      ...BASE,
      redis: { url: 'redis://:admin@127.0.0.1:6379' },
      engines: { drachtio: { secret: 'cymru' }, freeswitch: [{ secret: 'JambonzR0ck$' }] },
      lines: [{ id: 'sales-1', register: { username: 'sales-1', password: 'short' } }],
    });
    const findings = checkPasswords(config);
    expect(findings.map(({ what, result }) => `${result} ${what}`)).toEqual([
      'fail password engines.drachtio.secret',
      'fail password engines.freeswitch[0].secret',
      'warn password lines sales-1 register',
      'fail password redis.url',
    ]);
    expect(JSON.stringify(findings)).not.toMatch(/cymru|Jambonz|short"|"admin/);
    expect(checkPasswords(configSchema.parse(BASE))).toMatchObject([{ result: 'ok' }]);
  });
});
