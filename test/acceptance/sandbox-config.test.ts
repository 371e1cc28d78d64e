import { execFile } from 'node:child_process';
import { constants, mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { Phone, type PhoneOptions } from '../../src/sandbox/phone/index.js';
import { AddressBlock } from '../support/addresses.js';
import { Program } from '../support/processes.js';
import { OwnRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

const PORTS = { http: 8080, sip: 5060 };

/** The gateway as somebody runs it who has nothing but a Redis; only where it listens is the test's own. */
async function start(address: string, config: string) {
  const redis = await OwnRedis.start();
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-sandbox-'));
  const entry = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const program = new Program(process.execPath, ['--import', 'tsx', entry, '--config', config], {
    env: {
      PATH: process.env['PATH'],
      GW_REDIS_URL: redis.url,
      GW_HTTP_HOST: address,
      GW_SANDBOX_SIP: `udp+tcp://${address}:${PORTS.sip}`,
      GW_RECORDINGS_DIRECTORY: join(folder, 'recordings'),
      GW_RECORDINGS_SPOOL: join(folder, 'spool'),
    },
  });
  onTestFinished(async () => {
    program.kill('SIGINT');
    await program.exited;
    await redis.remove();
    await rm(folder, { recursive: true });
  });
  const url = `http://${address}:${PORTS.http}`;
  const ready = (): Promise<boolean> =>
    until('the gateway is ready', async () => {
      expect(program.running, program.output).toBe(true);
      return (await fetch(`${url}/readyz`)).ok;
    });
  return { program, url, ready };
}

test('config/sandbox.yaml takes calls as it is', async () => {
  const addresses = await AddressBlock.claim();
  onTestFinished(() => addresses.release());
  const { url, ready } = await start(addresses.engines, 'config/sandbox.yaml');
  await ready();
  const open = async (options: PhoneOptions): Promise<Phone> => {
    const phone = await Phone.open(options);
    onTestFinished(() => phone.close());
    return phone;
  };
  const business = await open({ host: addresses.business(), port: 5060, user: 'phone', answers: { toneHz: 440 } });
  const registrar = `sip:${addresses.engines}:${PORTS.sip}`;
  const credentials = { username: 'phone', password: 'sandbox' };
  expect(await business.register({ registrar, credentials })).toMatchObject({ status: 200 });

  const caller = await open({ host: addresses.carrier(), port: 5060, user: '+79160000001' });
  const call = await caller.call({ target: `sip:+74952222222@${addresses.engines}:${PORTS.sip}`, toneHz: 620 });
  await call.answered();
  await call.hangUp();

  const answered = await until('the call is known', async () => {
    const response = await fetch(`${url}/v1/calls?disposition=answered`, {
      headers: { authorization: 'Bearer sandbox' },
    });
    return ((await response.json()) as { calls: { attribution: unknown }[] }).calls[0];
  });
  expect(answered.attribution).toMatchObject({ verdict: 'static', source: { utm_source: 'billboard' } });
});

/** A configuration that is read for as long as nobody writes it: so long the gateway is starting. */
async function startSlowly() {
  const addresses = await AddressBlock.claim();
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-early-'));
  onTestFinished(async () => {
    addresses.release();
    await rm(folder, { recursive: true });
  });
  const pipe = join(folder, 'gateway.yaml');
  await promisify(execFile)('mkfifo', [pipe]);
  const { program } = await start(addresses.engines, pipe);
  const read = (): Promise<FileHandle> =>
    until('it reads', () => {
      expect(program.running, program.output).toBe(true);
      return open(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    });
  return { program, read };
}

test('a reload that is asked for while the gateway starts is done when it has started', async () => {
  const { program, read } = await startSlowly();
  const tell = async (reader: FileHandle, level: string): Promise<void> => {
    await reader.writeFile(`${await readFile('config/sandbox.yaml', 'utf8')}\nlog: { level: ${level} }\n`);
    await reader.close();
  };
  const first = await read();
  program.kill('SIGHUP');
  await tell(first, 'info');
  await until('it has started', () => program.output.includes('gateway started'));
  await tell(await read(), 'debug');
  await until('it has reloaded', () => program.output.includes('configuration reloaded'));
});

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends a gateway that starts, as one that runs', async (signal) => {
  const { program, read } = await startSlowly();
  const reader = await read();
  program.kill(signal);
  // A process ends when its threads have: one of them may be reading.
  await reader.close();
  expect(await program.exited).toBe(0);
});
