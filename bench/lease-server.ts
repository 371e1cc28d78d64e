// The HTTP interface for `npm run bench:leases`, in a process of its own: Redis comes as its argument, its address goes to the parent.
import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { createHttpServer } from '../src/http/server.js';
import { LeaseDesk } from '../src/leases/desk.js';
import { GatewayMetrics } from '../src/observability/metrics.js';
import { RedisLink } from '../src/redis/connection.js';
import { Keys } from '../src/redis/keys.js';
import { RedisLeases } from '../src/redis/leases.js';
import { httpOptions } from '../test/support/no-resources.js';
import { KEY, POLICY, PREFIX } from './lib/lease-bench.js';

const link = new RedisLink({ url: process.argv[2] ?? '' });
await link.waitUntilReady(10_000);
const hash = createHash('sha256').update(KEY).digest('hex');
const metrics = new GatewayMetrics();
const leases = new LeaseDesk(new RedisLeases(link, new Keys(PREFIX)), () => POLICY, {
  onOutcome: (site, outcome) => metrics.lease(site, outcome),
});
const server = createHttpServer({
  ...httpOptions(),
  keys: () => [{ name: 'bench', hash, scopes: ['leases:write'] }],
  leases,
  metrics,
  logger: pino({ level: 'info' }),
});
const { host, port } = await server.start();
process.send?.(`http://${host}:${port}`);
process.once('disconnect', () => process.exit(0));
