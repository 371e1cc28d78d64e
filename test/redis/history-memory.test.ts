import { expect, it } from 'vitest';
import { benchCall } from '../../bench/lib/history-calls.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { openOwnRedis } from '../support/redis.js';
import { exampleChange } from './examples.js';

const CALLS = 4_000;
/** Calls of one chunk: its bitmaps are as long for the first call as for the last. */
const CHUNK = 32_768;
const AT_ONCE = 50;

/**
 * The bounds that docs/history.md and docs/redis-keys.md state, with a tenth for other versions of Redis. A chunk that is
 * full has the bitmaps of this one, since some thousand calls have every digit, word and class there is.
 */
it('takes no more memory than stated', async () => {
  const { link, keys, raw } = await openOwnRedis();
  const store = new RedisCallStore(link, keys);
  const dataset = async () => Number(/used_memory_dataset:(\d+)/.exec(await raw.info('memory'))?.[1]);
  const before = await dataset();
  for (let first = 0; first < CALLS; first += AT_ONCE) {
    const calls = Array.from({ length: AT_ONCE }, (_, i) => benchCall(first + i, CALLS, true));
    // Without its events, which leave after seven days.
    await Promise.all(calls.map((call) => store.commit(exampleChange(call, [], { closed: true }))));
  }
  const grown = (await dataset()) - before;

  const usage = async (names: readonly string[]): Promise<number> => {
    const sizes = await Promise.all(names.map((name) => raw.memory('USAGE', name, 'SAMPLES', 0)));
    return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
  };
  const chunk = await raw.keys(`${keys.history()}*:0:*`);
  const rows = chunk.filter((name) => name.endsWith(':rows'));
  const bitmaps = await usage(chunk.filter((name) => !rows.includes(name)));
  const documents = await raw.keys(`${keys.callPrefix()}*`);
  const missed = await usage(await raw.keys(`${keys.missed()}*`));

  const index = bitmaps / CHUNK + (await usage(rows)) / CALLS;
  const document = (await usage(documents)) / CALLS;
  const figures = { slots: chunk.length, index, document, growth: (grown - bitmaps) / CALLS + bitmaps / CHUNK };
  process.stdout.write(`memory in bytes a call: ${JSON.stringify(figures)}\n`);
  expect(documents).toHaveLength(CALLS);
  expect(chunk.length).toBeGreaterThan(700);
  expect(index).toBeLessThan(206 * 1.1);
  // All of it: document, index, lists by time and by caller.
  expect(figures.growth).toBeLessThan(4_000 * 1.1);
  // The queue of missed callers is bounded by itself.
  expect(missed).toBeLessThan(5_000 * 600);
});
