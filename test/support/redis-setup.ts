import type { TestProject } from 'vitest/node';
import { OwnRedis } from './redis-server.js';

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string;
  }
}

/** Vitest's global setup: one redis-server for the run, whose address tests get from `test/support/redis.ts`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await OwnRedis.start();
  project.provide('redisUrl', server.url);
  return () => server.remove();
}
