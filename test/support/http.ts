import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { AccessKeyConfig, Scope } from '../../src/config/schema.js';
import { createHttpServer, type HttpServerOptions } from '../../src/http/server.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { httpOptions } from './no-resources.js';

/** Of `access.keys`; who asks presents `key`. */
export const accessKey = (name: string, key: string, scopes: readonly Scope[], sites?: string[]): AccessKeyConfig => ({
  name,
  hash: createHash('sha256').update(key).digest('hex'),
  scopes: [...scopes],
  ...(sites && { sites }),
});

/** Serves HTTP until the test ends; behind what is not given there is nothing. Its address. */
export async function serve(options: Partial<HttpServerOptions>): Promise<string> {
  const metrics = new GatewayMetrics({ nodeDefaults: false });
  const server = createHttpServer({ ...httpOptions(), metrics, logger: pino({ level: 'silent' }), ...options });
  const { port } = await server.start();
  onTestFinished(() => server.stop());
  return `http://127.0.0.1:${port}`;
}
