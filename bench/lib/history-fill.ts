import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Call } from '../../src/call/call.js';
import { indexEntry } from '../../src/history/slots.js';
import type { Keys } from '../../src/redis/keys.js';
import { benchCall } from './history-calls.js';

const BATCH = 100;
const DEPTH = 8;
const include = readFileSync(new URL('../../src/redis/scripts/lib/history.lua', import.meta.url), 'utf8');

/** KEYS: 1 recent calls. ARGV: 1 history prefix, 2 call prefix, 3 0: index nothing, then id, index entry, start, document of each call. */
const LOAD = `${include}
for i = 4, #ARGV, 4 do
  local call = ARGV[2] .. ARGV[i]
  redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i])
  redis.call('HSET', call, 'doc', ARGV[i + 3], 'closed', 1)
  if ARGV[3] == '1' then reindex(ARGV[1], call, ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 2]) + 60000) end
end`;

/** Writes calls as their end would, but many at once and without their events. */
export class HistoryFiller {
  #sha: string | null = null;

  constructor(
    private readonly raw: Redis,
    private readonly keys: Keys,
  ) {}

  /** `count` calls of `npm run bench:search`; how long that took, s. */
  async fill(count: number): Promise<number> {
    const started = performance.now();
    for (let n = 0; n < count; n += BATCH * DEPTH) {
      const batches = Array.from({ length: Math.min(DEPTH, Math.ceil((count - n) / BATCH)) }, (_, i) => n + i * BATCH);
      await Promise.all(
        batches.map((first) => {
          const calls = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => benchCall(first + i, count));
          return this.write(calls, true);
        }),
      );
    }
    return (performance.now() - started) / 1000;
  }

  async write(calls: readonly Call[], indexed: boolean): Promise<void> {
    this.#sha ??= String(await this.raw.script('LOAD', LOAD));
    const { keys } = this;
    const args = [keys.history(), keys.callPrefix(), indexed ? 1 : 0, ...calls.flatMap(argsOf)];
    await this.raw.evalsha(this.#sha, 1, keys.recentCalls(), ...args);
  }
}

const argsOf = (call: Call): (string | number)[] => [
  call.id,
  indexEntry(call),
  Date.parse(call.startedAt),
  JSON.stringify(call),
];
