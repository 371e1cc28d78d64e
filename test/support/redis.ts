import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished } from 'vitest';
import { RedisLink, type RedisLinkOptions } from '../../src/redis/connection.js';
import type { FeedEvent } from '../../src/http/ports.js';
import { RedisEventFeed } from '../../src/redis/event-feed.js';
import { Keys } from '../../src/redis/keys.js';
import { OwnRedis } from './redis-server.js';
import { PATIENCE_MS } from './until.js';

export { eventually } from './until.js';

/** Address of the run's redis-server. */
const redisUrl = (): string => inject('redisUrl');

const randomPrefix = (): string => `t${randomBytes(6).toString('hex')}:`;

/** A link, a key prefix of the test's own and a plain client for looking and for writing rubbish; closed at its end. */
export async function openRedis(options: Partial<RedisLinkOptions> = {}, prefix = randomPrefix()) {
  const url = options.url ?? redisUrl();
  // What is tested here is not how fast a server answers that has a busy machine to share.
  const link = new RedisLink({ url, commandTimeoutMs: PATIENCE_MS, ...options });
  const raw = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: 0 });
  raw.on('error', () => undefined); // expected in the tests that take the server away
  onTestFinished(() => {
    link.close();
    raw.disconnect();
  });
  await link.waitUntilReady(PATIENCE_MS);
  return { link, raw, prefix, keys: new Keys(prefix) };
}

/** A redis-server of the test's own, which it may kill, freeze and start again. */
export async function openOwnRedis(options: Partial<RedisLinkOptions> = {}) {
  const server = await OwnRedis.start();
  onTestFinished(() => server.remove());
  return { server, ...(await openRedis({ ...options, url: server.url })) };
}

/** Of every key of this form how long it lives, ms; -1 for ever. Fails where there is none. */
export async function livesOf(raw: Redis, pattern: string): Promise<number[]> {
  const names = await raw.keys(pattern);
  expect(names, pattern).not.toEqual([]);
  return Promise.all(names.map((name) => raw.pttl(name)));
}

/** All events that are kept. */
export const keptEvents = async (redis: { link: RedisLink; keys: Keys }): Promise<FeedEvent[]> =>
  (await new RedisEventFeed(redis.link, redis.keys).after(null, 1000)).events;
