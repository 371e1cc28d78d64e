// npm run bench:admission [-- --numbers N --holders N --rate N --seconds N]: admissions on a real Redis that holds a large pool,
// with everything in them that a call may need: number, lease, holders, channels, caller's history, screening.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { judge } from '../src/call/attribution.js';
import { configSchema } from '../src/config/schema.js';
import { inBackground } from '../src/lib/background.js';
import { DEFAULT_RATES } from '../src/numbers/call-rates.js';
import { RedisAdmissions } from '../src/redis/admissions.js';
import { RedisChannels } from '../src/redis/channels.js';
import { RedisLink } from '../src/redis/connection.js';
import { Keys } from '../src/redis/keys.js';
import { exampleHolder } from '../test/redis/examples.js';
import { OwnRedis } from '../test/support/redis-server.js';
import { percentile } from './lib/usage.js';

const TARGET_P99_MS = 2;
const BATCH = 2000;
const WARM_UP_SECONDS = 3;
/** Calls that each caller has behind him, all of which are read. */
const CALLER_CALLS = 50;
/** Admissions one after the other: only so what one of them exchanges with Redis can be told from the next. */
const ALONE = 500;

const { values } = parseArgs({
  options: {
    numbers: { type: 'string', default: '100000' },
    holders: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '30' },
  },
});
const size = { numbers: Number(values.numbers), holders: Number(values.holders) };
const rate = Number(values.rate);
const seconds = Number(values.seconds);

const keys = new Keys('ct:');
const numberOf = (n: number): string => `+7495${String(n).padStart(7, '0')}`;
const callerOf = (n: number): string => `+7916${String(n).padStart(7, '0')}`;
const config = configSchema.parse({
  trunks: [{ id: 'carrier-a', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [{ id: 'divan', defaultRoute: 'none' }],
});
const deps = {
  config: () => config,
  callRates: { of: () => DEFAULT_RATES, learn: () => undefined },
};

/** Each number lent just now, and its former holders before that, ten minutes each. */
async function fill(redis: Redis): Promise<void> {
  const perNumber = Math.round(size.holders / size.numbers);
  const now = Date.now();
  for (let from = 0; from < size.numbers; from += BATCH) {
    const pipe = redis.pipeline();
    for (let n = from; n < Math.min(size.numbers, from + BATCH); n += 1) {
      const number = numberOf(n);
      pipe.hset(keys.number(number), { site: 'divan', kind: 'dynamic', enabled: '1' });
      const members: (string | number)[] = [];
      for (let i = 0; i < perNumber; i += 1) {
        const leasedAt = now - i * 720_000 - 60_000;
        const holder = exampleHolder({
          leaseId: `${n}-${i}`,
          sessionId: `${n}-${i}`,
          leasedAt,
          expiresAt: leasedAt + 600_000,
        });
        members.push(leasedAt, JSON.stringify(holder));
        if (i === 0) pipe.hset(keys.lease(number), { ...holder, session: JSON.stringify(holder.session) });
      }
      pipe.zadd(keys.holders(number), ...members);
    }
    await pipe.exec();
  }
}

/** Callers who have called before, a day apart, were answered and are known. */
async function fillCallers(redis: Redis, callers: number): Promise<void> {
  const now = Date.now();
  const { session } = exampleHolder();
  const times = Array.from({ length: CALLER_CALLS }, (_, i) => now - (i + 1) * 86_400_000);
  const [lastAt = now] = times;
  const bySite = {
    'n:divan': CALLER_CALLS,
    'last:divan': `${lastAt}|answered`,
    'answered:divan': lastAt,
    'who:divan': `${lastAt}|${JSON.stringify({ session, leaseId: null, confidence: 1 })}`,
  };
  for (let from = 0; from < callers; from += BATCH) {
    const pipe = redis.pipeline();
    for (let n = from; n < Math.min(callers, from + BATCH); n += 1) {
      const caller = callerOf(n);
      const ids = times.map(() => randomUUID());
      pipe.zadd(keys.caller(caller), ...ids.flatMap((id, i) => [times[i] ?? now, id]));
      pipe.hset(keys.callerCalls(caller), Object.fromEntries(ids.map((id) => [id, `divan|${numberOf(n)}|60`])));
      pipe.hset(keys.callerSites(caller), bySite);
    }
    await pipe.exec();
  }
}

/** What the filling has left behind is this program's, not the gateway's: it would be collected while admissions are timed. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1] ?? 0);
}

const server = await OwnRedis.start();
const raw = new Redis(server.url);
const link = new RedisLink({ url: server.url });
try {
  await link.waitUntilReady(5000);
  const before = await usedBytes(raw);
  console.log(`Filling: ${size.numbers} numbers, ${size.holders} kept holders …`);
  await fill(raw);
  const perHolder = ((await usedBytes(raw)) - before) / size.holders;
  console.log(`  ${Math.round(perHolder)} bytes a holder, its share of number and lease included`);
  const total = rate * (WARM_UP_SECONDS + seconds);
  await fillCallers(raw, total + ALONE);
  collectGarbage();
  const channels = new RedisChannels(link, keys);
  const needs = { recentCalls: 50, rangeWindows: [600_000] };
  const admissions = new RedisAdmissions(link, keys, channels, { screening: () => needs });
  const times: number[] = [];
  /** What the machine and Redis take for nothing at all, in the same seconds. */
  const pings: number[] = [];
  const admit = async (n: number, counted: boolean): Promise<void> => {
    const at = Date.now();
    const startedAt = performance.now();
    const token = randomUUID();
    const answer = await admissions.admit({
      callId: token,
      trackingNumber: numberOf(Math.floor(Math.random() * size.numbers)),
      callerNumber: callerOf(n),
      at,
      inbound: [
        { resource: 'trunk-in:carrier-a', token, limit: null },
        { resource: 'trunk:carrier-a', token, limit: null },
      ],
    });
    const told = answer.history?.recent.length;
    if (told !== CALLER_CALLS) throw new Error(`${told} calls of the caller were read instead of ${CALLER_CALLS}`);
    judge(answer, answer.history?.known ?? null, at, deps);
    if (!counted) return;
    if (n % 4 === 0) inBackground(ping());
    times.push(performance.now() - startedAt);
  };
  const ping = async (): Promise<void> => {
    const pingedAt = performance.now();
    await raw.ping();
    pings.push(performance.now() - pingedAt);
  };
  const startedAt = performance.now();
  const running: Promise<void>[] = [];
  for (let n = 0; n < total; n += 1) {
    const wait = startedAt + (n * 1000) / rate - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    running.push(admit(n, n >= rate * WARM_UP_SECONDS));
  }
  await Promise.all(running);
  const sent = link.exchanges;
  for (let n = total; n < total + ALONE; n += 1) await admit(n, false);
  const exchanges = (link.exchanges - sent) / ALONE;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(times, share).toFixed(2));
  const met = percentile(times, 0.99) <= TARGET_P99_MS;
  console.log(`${times.length} admissions at ${rate}/s, verdict included: p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms`);
  console.log(`  ${met ? 'met' : 'missed'}: p99 ${p99} ms (target: ${TARGET_P99_MS} ms)`);
  const [ping50, ping99] = [0.5, 0.99].map((share) => percentile(pings, share).toFixed(2));
  console.log(`  a bare PING in the same seconds: p50 ${ping50} ms, p99 ${ping99} ms`);
  console.log(`  exchanges with Redis before the verdict, per admission: ${exchanges.toFixed(3)}`);
  console.log(JSON.stringify({ ...size, rate, p50, p95, p99, ping50, ping99, perHolder, exchanges }));
  if (!met) process.exitCode = 1;
} finally {
  link.close();
  raw.disconnect();
  await server.remove();
}
