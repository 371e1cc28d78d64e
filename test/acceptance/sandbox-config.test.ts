import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { Phone, type PhoneOptions } from '../../src/sandbox/phone/index.js';
import { AddressBlock } from '../support/addresses.js';
import { Program } from '../support/processes.js';
import { OwnRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

const PORTS = { http: 8080, sip: 5060 };

/** The gateway as somebody tries it who has nothing but a Redis; only where it listens is the test's own. */
async function start(address: string): Promise<string> {
  const redis = await OwnRedis.start();
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-sandbox-'));
  const entry = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const program = new Program(process.execPath, ['--import', 'tsx', entry, '--config', 'config/sandbox.yaml'], {
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
  await until('the gateway is ready', async () => {
    expect(program.running, program.output).toBe(true);
    return (await fetch(`${url}/readyz`)).ok;
  });
  return url;
}

test('config/sandbox.yaml takes calls as it is', async () => {
  const addresses = await AddressBlock.claim();
  onTestFinished(() => addresses.release());
  const url = await start(addresses.engines);
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
