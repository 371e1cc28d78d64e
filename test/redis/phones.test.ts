import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { Phones } from '../../src/composition/phones.js';
import { configSchema } from '../../src/config/schema.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { RedisRegistrations } from '../../src/redis/registrations.js';
import type { DrachtioSipSide } from '../../src/sip/sip-side.js';
import { eventually, openRedis } from '../support/redis.js';

const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  lines: [
    { id: 'sales', register: { username: 'agent', password: 'a password' } },
    { id: 'desk', uri: 'sip:101@10.0.0.5' },
  ],
  routes: [{ id: 'main', steps: [{ dial: ['sales'] }] }],
  sites: [{ id: 'divan', defaultRoute: 'main' }],
});

it('a gateway that starts knows the phones that are registered', async () => {
  const { link, keys } = await openRedis();
  const contact = { uri: 'sip:agent@10.1.1.1', proxy: 'sip:192.0.2.7:5062;transport=udp', nat: true };
  await new RedisRegistrations(link, keys).bind({
    line: 'sales',
    callId: 'c',
    cseq: 1,
    userAgent: 'Phone/1.0',
    edge: 'udp/10.0.0.1:5060',
    nonce: { value: 'n', count: 1 },
    maxContacts: 3,
    bindings: [{ key: 'sip:agent@10.1.1.1', registered: contact.uri, contact, expiresMs: 60_000 }],
  });
  const phones = new Phones({
    config: () => config,
    link,
    keys,
    metrics: new GatewayMetrics({ nodeDefaults: false }),
    logger: pino({ level: 'silent' }),
    sip: () => ({ edge: 'udp/10.0.0.2:5060', addresses: [] }) as unknown as DrachtioSipSide,
  });
  onTestFinished(() => phones.stop());
  expect(phones.registrar.knows('192.0.2.7')).toBe(false);
  phones.start();
  await eventually(() => expect(phones.registrar.knows('192.0.2.7')).toBe(true));
  expect(phones.registrar.knows('192.0.2.8')).toBe(false);
});
