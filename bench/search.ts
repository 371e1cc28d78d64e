// npm run bench:search: how fast a call is found among a million. docs/history.md tells what was reached.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import type { Call } from '../src/call/call.js';
import { IndexRebuilder } from '../src/history/rebuilder.js';
import { indexEntry } from '../src/history/slots.js';
import type { CallQuery } from '../src/history/query.js';
import { RedisCallStore } from '../src/redis/call-store.js';
import { RedisLink } from '../src/redis/connection.js';
import { RedisHistory } from '../src/redis/history.js';
import { RedisHistoryIndex } from '../src/redis/history-index.js';
import { Keys } from '../src/redis/keys.js';
import { RedisUse } from '../src/redis/use.js';
import { exampleChange } from '../test/redis/examples.js';
import { OwnRedis } from '../test/support/redis-server.js';
import { benchCall, DAYS } from './lib/history-calls.js';
import { HistoryFiller } from './lib/history-fill.js';
import { loadBefore, percentile } from './lib/usage.js';

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '200' } },
});
const CALLS = Number(values.calls);
const ROUNDS = Number(values.rounds);
const COMMITS = 2_000;
const TARGET_MS = 50;

const server = await OwnRedis.start();
const raw = new Redis(server.url);
const link = new RedisLink({ url: server.url, commandTimeoutMs: 10_000 });
const keys = new Keys('bs:');
const filler = new HistoryFiller(raw, keys);
const history = new RedisHistory(link, keys, { countries: () => ['RU'], use: new RedisUse(link, keys) });
try {
  await link.waitUntilReady(5_000);
  console.log(`${cpus().length} cores, load ${loadBefore().toFixed(1)} before`);
  const seconds = await filler.fill(CALLS);
  console.log(`${CALLS} calls of ${DAYS} days filled in ${seconds.toFixed(0)} s`);
  await memory();
  let worst = 0;
  for (const [name, queries] of Object.entries(kinds())) worst = Math.max(worst, await measure(name, queries));
  console.log(`worst p99 ${worst.toFixed(1)} ms (target ${TARGET_MS}): ${worst <= TARGET_MS ? 'held' : 'missed'}`);
  await commits();
  await rebuild();
} finally {
  link.close();
  raw.disconnect();
  await server.remove();
}

async function memory(): Promise<void> {
  const used = Number(/used_memory:(\d+)/.exec(await raw.info('memory'))?.[1]);
  let index = 0;
  let count = 0;
  for await (const batch of raw.scanStream({ match: `${keys.history()}*`, count: 10_000 }) as AsyncIterable<string[]>) {
    const sizes = await Promise.all(batch.map((key) => raw.memory('USAGE', key, 'SAMPLES', 0)));
    index += sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    count += batch.length;
  }
  const perCall = (bytes: number) => (bytes / CALLS).toFixed(0);
  console.log(`memory a call: ${perCall(used)} bytes in all, of them ${perCall(index)} bytes of index (${count} keys)`);
}

/** What people ask; each kind in some variants, so that no answer is the last one's. */
function kinds(): Record<string, Partial<CallQuery>[]> {
  const some = Array.from({ length: 50 }, (_, i) => benchCall(Math.floor((CALLS * (2 * i + 1)) / 100), CALLS));
  const number = (call: Call) => call.caller.number ?? '';
  const nameOf = (call: Call) => call.caller.name ?? 'Анна Ежова';
  const range = (call: Call, hours: number) => {
    const from = Date.parse(call.startedAt);
    return { from, to: from + hours * 3_600_000 };
  };
  return {
    everything: [{}],
    'whole number': some.map((call) => ({ number: number(call) })),
    'as typed: 8 (9xx) xxx-xx-xx': some.map((call) => ({ number: number(call).replace('+7', '8') })),
    beginning: some.map((call) => ({ number: number(call).slice(0, 8) })),
    'last four digits': some.map((call) => ({ number: number(call).slice(-4) })),
    'number of nobody': some.map((call) => ({ number: `+99${number(call).slice(3)}` })),
    surname: some.map((call) => ({ callerName: nameOf(call).split(' ')[1] ?? 'x' })),
    'beginning of a surname': some.map((call) => ({ callerName: (nameOf(call).split(' ')[1] ?? 'xxx').slice(0, 3) })),
    'first name and surname': some.map((call) => ({ callerName: nameOf(call) })),
    'name of nobody': [{ callerName: 'Архимед' }],
    'missed for capacity at one site': [
      { disposition: 'missed', lossReason: 'destination_capacity', sites: ['site-3'] },
    ],
    'tag and source': [{ tag: 'callback', source: 'yandex sofas' }],
    'rare campaign': some.map((call) => ({ source: call.attribution.session?.utm.campaign ?? 'x' })),
    'one hour of one day': some.map((call) => range(call, 1)),
    'long talks of one line in a week': some.map((call) => ({
      target: 'line-7',
      minTalkSeconds: 600,
      ...range(call, 168),
    })),
    'everything at once': some.map((call) => ({
      sites: ['site-1', 'site-2', 'site-3'],
      number: number(call).slice(-3),
      disposition: 'answered',
      verdict: 'exact',
      trunk: 'carrier-a',
      minTalkSeconds: 7,
      maxTalkSeconds: 400,
      ...range(call, 240),
    })),
    'nothing fits': [{ sites: ['site-1'], lossReason: 'schedule', tag: 'no such tag', minTalkSeconds: 3000 }],
  };
}

async function measure(name: string, queries: Partial<CallQuery>[]): Promise<number> {
  const times: number[] = [];
  let found = 0;
  let total: number | null = 0;
  await raw.config('RESETSTAT');
  for (let i = 0; i < ROUNDS; i += 1) {
    const query = queries[i % queries.length] ?? {};
    const started = performance.now();
    const page = await history.search({ sites: null, limit: 50, ...query });
    times.push(performance.now() - started);
    found += page.calls.length;
    total = page.approximateTotal;
  }
  const usec = Number(/cmdstat_evalsha:.*?usec_per_call=([\d.]+)/.exec(await raw.info('commandstats'))?.[1]);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(times, share));
  const rows = `${(found / ROUNDS).toFixed(0).padStart(3)} of ${total ?? '?'}`;
  console.log(
    `${name.padEnd(34)} p50 ${ms(p50)}  p95 ${ms(p95)}  p99 ${ms(p99)} ms; Redis ${(usec / 1000).toFixed(2).padStart(5)} ms; ${rows}`,
  );
  return p99 ?? Infinity;
}

/** The whole index, made anew from the calls as a gateway does it: with a pause as long as each step took. */
async function rebuild(): Promise<void> {
  const index = new RedisHistoryIndex(link, keys);
  const rebuilder = new IndexRebuilder(index, pino({ level: 'silent' }));
  await index.begin();
  const { calls } = await index.state();
  const before = process.cpuUsage();
  const started = performance.now();
  await rebuilder.run(() => Promise.resolve(true));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1e4 / seconds;
  console.log(`index of ${calls ?? 0} calls rebuilt in ${seconds.toFixed(0)} s, with ${share.toFixed(0)} % of a core`);
}

function ms(value = NaN): string {
  return value.toFixed(1).padStart(5);
}

/** What the index costs Redis and the gateway: processor time of a call that is written with it, and without. */
async function commits(): Promise<void> {
  const store = new RedisCallStore(link, keys);
  const fresh = () => Array.from({ length: COMMITS }, (_, n) => benchCall(n, CALLS, true));
  const written = (indexed: boolean) => redisCpu(fresh(), (call) => filler.write([call], indexed));
  const [without, with_] = [await written(false), await written(true)];
  const commit = await redisCpu(fresh(), (call) =>
    store.commit(exampleChange(call, ['call.received'], { closed: true })),
  );
  const calls = fresh();
  const startedAt = process.cpuUsage().user;
  for (const call of calls) indexEntry(call);
  const node = (process.cpuUsage().user - startedAt) / COMMITS;
  const index = with_ - without;
  console.log(
    `a call that is written once, with its end: ${commit.toFixed(0)} µs of Redis, of them ${index.toFixed(0)} µs for the index`,
  );
  console.log(`its index entry: ${node.toFixed(0)} µs of the gateway`);
}

/** Processor time of Redis for each call, µs. */
async function redisCpu(calls: Call[], write: (call: Call) => Promise<unknown>): Promise<number> {
  const used = async () => {
    const info = await raw.info('cpu');
    return ['sys', 'user'].reduce(
      (sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1]),
      0,
    );
  };
  const before = await used();
  for (const call of calls) await write(call);
  return (((await used()) - before) * 1e6) / calls.length;
}
