import type { Logger } from 'pino';
import { onTestFinished } from 'vitest';
import { RedisConditions } from '../../src/redis/conditions.js';
import { DrachtioSipSide } from '../../src/sip/sip-side.js';
import { AddressBlock } from './addresses.js';
import { Carrier, type CarrierOptions } from './carrier.js';
import { openRedis } from './redis.js';
import { startSipServer } from './sip-server.js';
import { TcpProxy } from './tcp-proxy.js';
import { until } from './until.js';

/** What watching trunks and lines takes: drachtio behind a wire that may be cut, and a Redis in which it is told. */
export async function openWatching(kind: 'sandbox' | 'real', logger: Logger) {
  const addresses = await AddressBlock.claim();
  const server = await startSipServer(kind, addresses.engines);
  const redis = await openRedis();
  const wire = await TcpProxy.open(server.admin);
  const side = new DrachtioSipSide(
    { ...server.admin, host: wire.host, port: wire.port, logger },
    {
      onInvite: (invite) => invite.refuse(404),
      onLinkLost: () => undefined,
      optionsStatus: () => 200,
      onRegister: () => Promise.reject(new Error('nobody registers here')),
    },
  );
  side.start();
  onTestFinished(async () => {
    side.stop();
    wire.close();
    await server.stop();
    addresses.release();
  });
  await until('the link is up', () => side.up);
  const options = (uri: string, timeoutMs: number) => side.options(uri, timeoutMs);
  const carrier = (settings?: CarrierOptions) => Carrier.open(addresses.carrier(), settings);
  const conditions = (gateway: string) => new RedisConditions(redis.link, redis.keys, gateway, () => undefined);
  /** What was told of trunks (or lines) so far: `down options`, `up options` … */
  const told = async (what: 'trunk' | 'line' = 'trunk'): Promise<string[]> => {
    const entries = await redis.raw.xrange(redis.keys.events(), '-', '+');
    return entries.flatMap(([, fields]) => {
      const event = JSON.parse(fields[fields.indexOf('body') + 1] ?? '') as { type: string; data: { reason: string } };
      const [subject, state = ''] = event.type.split('.');
      return subject === what ? [`${state} ${event.data.reason}`] : [];
    });
  };
  return { addresses, redis, wire, side, options, carrier, conditions, told };
}
