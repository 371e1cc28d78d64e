import { Redis } from 'ioredis';
import type { TestProject } from 'vitest/node';
import { OwnRedis } from './redis-server.js';
import { until } from './until.js';

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string;
  }
}

/**
 * Vitest's global setup: one redis-server for the run, whose address tests get from `test/support/redis.ts`. It is a cluster of one
 * node: any client can use it, and a command or script whose keys lie in several slots is refused, as on a cluster of many.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await OwnRedis.start({ cluster: true });
  const redis = new Redis(server.url);
  await redis.cluster('ADDSLOTSRANGE', 0, 16_383);
  await until('the cluster takes commands', async () => (await redis.cluster('INFO')).includes('cluster_state:ok'));
  redis.disconnect();
  project.provide('redisUrl', server.url);
  return () => server.remove();
}
