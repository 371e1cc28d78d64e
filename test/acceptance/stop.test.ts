import { expect, onTestFinished, test } from 'vitest';
import { FakeS3 } from '../fakes/s3.js';
import { AddressBlock } from '../support/addresses.js';
import { startGateway } from '../support/gateway.js';
import { OwnRedis } from '../support/redis-server.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';

/** Less than the longest `s3.timeout`, which a stop would wait for. */
const TIMEOUT_MS = 240_000;

test('a gateway stops although the store of its recordings hangs', { timeout: TIMEOUT_MS }, async () => {
  const [addresses, redis, store, folder] = await Promise.all([
    AddressBlock.claim(),
    OwnRedis.start(),
    FakeS3.start(),
    tempFolder(),
  ]);
  onTestFinished(async () => {
    addresses.release();
    await redis.remove();
  });
  store.fault = () => 'stall';
  const gateway = await startGateway({
    http: { host: addresses.engines, port: 8080 },
    redis: redis.address(),
    engines: { mode: 'sandbox', sandbox: { sip: `udp+tcp://${addresses.engines}:5060` } },
    trunks: [{ id: 'carrier', inbound: { from: [addresses.carrierRange] } }],
    routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
    sites: [{ id: 'shop', defaultRoute: 'none' }],
    recordings: {
      directory: `${folder}/kept`,
      spool: `${folder}/spool`,
      store: 's3',
      s3: { ...store.config(), timeout: '5m' },
    },
    log: { level: 'silent' },
  });
  // Retention and the history's keeper, both as it starts.
  await until('the store was asked', () => store.verbs.filter((verb) => verb === 'GET list').length >= 2);
  await gateway.stop();
  expect((await fetch(`${gateway.url}/healthz`).catch(() => null))?.ok).toBeUndefined();
});
