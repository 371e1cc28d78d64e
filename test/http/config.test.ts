import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configReload } from '../../src/cli/commands/config-reload.js';
import { Reloads, withPlacesOf } from '../../src/composition/reload.js';
import { loadConfig } from '../../src/config/load.js';
import { lastingChild } from '../../src/observability/logger.js';
import { accessKey, serve } from '../support/http.js';
import { Screen } from '../support/terminal.js';

const KEY = 'key';
const CONFIG = `
engines: { mode: sandbox }
trunks: [{ id: carrier, inbound: { from: [192.0.2.1], channels: 3 } }]
routes: [{ id: main, steps: [{ announce: closed.wav }] }]
sites: [{ id: shop, defaultRoute: main }]
`;

async function open(scope: 'config:write' | 'calls:read' = 'config:write') {
  const folder = await mkdtemp(join(tmpdir(), 'config-'));
  const file = join(folder, 'gateway.yaml');
  const write = (text: string) => writeFile(file, text);
  await write(CONFIG);
  const written = await loadConfig(file, {});
  const logger = pino({ level: 'silent' }, { write: () => undefined });
  const lasting = lastingChild(logger, {});
  let present = written;
  let inUse = () => Promise.resolve(new Map([['trunk-in:carrier', 3]]));
  const reloader = new Reloads({
    written,
    read: () => loadConfig(file, {}),
    apply: (next) => {
      present = withPlacesOf(present, next);
      return Promise.resolve();
    },
    channels: () => ({ inUse: () => inUse() }),
    logger,
  });
  const url = await serve({ reloader, keys: () => [accessKey('ops', KEY, [scope])] });
  onTestFinished(() => rm(folder, { recursive: true }));
  const ask = async () => {
    const headers = { authorization: `Bearer ${KEY}` };
    const response = await fetch(`${url}/v1/config/reload`, { method: 'POST', headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const cli = async () => {
    const screen = new Screen({ CALLTRACK_URL: url, CALLTRACK_KEY: KEY });
    const status = await configReload.run({}, [], screen);
    return { status, said: [...screen.lines, ...screen.errors].join('\n') };
  };
  const redisAway = () => (inUse = () => Promise.reject(new Error('away')));
  const stop = () => reloader.stop();
  return {
    ask,
    cli,
    write,
    file,
    logger,
    lasting,
    redisAway,
    stop,
    channels: () => present.trunks[0]?.inbound?.channels,
  };
}

describe('POST /v1/config/reload', () => {
  it('brings in what the file says now', async () => {
    const { ask, write, channels, logger, lasting } = await open();
    await write(`${CONFIG.replace('channels: 3', 'channels: 5')}log: { level: debug }`);
    expect(await ask()).toEqual({ status: 200, body: { restart: [], exceeded: [] } });
    expect(channels()).toBe(5);
    expect([logger.level, lasting.level]).toEqual(['debug', 'debug']);
  });

  it('changes nothing where the file is wrong, and says all that is', async () => {
    const { ask, write, file, channels } = await open();
    await write(`${CONFIG.replace('channels: 3', 'channels: -1')}nonsense: 1`);
    const at = { file, line: 3, key: 'trunks[0].inbound.channels', message: 'must be at least 0' };
    expect(await ask()).toMatchObject({
      status: 400,
      body: { code: 'GW_ERR_CONFIG', errors: [at, { line: 6, key: 'nonsense' }] },
    });
    expect(channels()).toBe(3);
    await write(CONFIG.replace('channels: 3', 'channels: 4'));
    expect(await ask()).toMatchObject({ status: 200 });
    expect(channels()).toBe(4);
  });

  it('begins nothing any more where the gateway stops', async () => {
    const { ask, write, stop, channels } = await open();
    await write(CONFIG.replace('channels: 3', 'channels: 5'));
    stop();
    expect(await ask()).toMatchObject({ status: 503, body: { code: 'GW_ERR_NOT_READY' } });
    expect(channels()).toBe(3);
  });

  it('names what only a restart brings in, each time', async () => {
    const { ask, write } = await open();
    await write(`${CONFIG}
http: { port: 9000 }
redis: { url: "redis://127.0.0.1:1/0" }
recordings: { retention: 30d, encryption: { keys: [{ id: new, secret: ${'A'.repeat(43)}= }] } }`);
    const body = { restart: ['http.port', 'redis.url', 'recordings.encryption'], exceeded: [] };
    expect(await ask()).toEqual({ status: 200, body });
    expect(await ask()).toEqual({ status: 200, body });
  });

  it('takes a limit below what is in use, and names it', async () => {
    const { ask, cli, write, channels, redisAway } = await open();
    await write(CONFIG.replace('channels: 3', 'channels: 2'));
    const exceeded = [{ key: 'trunks[0].inbound.channels', limit: 2, inUse: 3 }];
    expect(await ask()).toEqual({ status: 200, body: { restart: [], exceeded } });
    expect(channels()).toBe(2);
    expect((await cli()).said).toContain('trunks[0].inbound.channels: 2, and 3 are in use');
    redisAway();
    expect(await ask()).toEqual({ status: 200, body: { restart: [], exceeded: [] } });
  });

  it('is for keys that may', async () => {
    const { ask } = await open('calls:read');
    expect(await ask()).toMatchObject({ status: 403, body: { code: 'GW_ERR_FORBIDDEN' } });
  });
});

describe('calltrack config reload', () => {
  it('says what needs a restart', async () => {
    const { cli, write } = await open();
    expect(await cli()).toMatchObject({ status: 0, said: 'reloaded' });
    await write(`${CONFIG}http: { port: 9000 }`);
    expect(await cli()).toMatchObject({
      status: 0,
      said: 'reloaded, but for what needs a restart: http.port',
    });
  });

  it('ends with 2 on a wrong file, and lists what is wrong', async () => {
    const { cli, write, file } = await open();
    await write(CONFIG.replace('defaultRoute: main', 'defaultRoute: mian'));
    const { status, said } = await cli();
    expect(status).toBe(2);
    expect(said).toContain(`${file}:5:21 sites[0].defaultRoute: "mian" names no route; there are: main`);
  });
});
