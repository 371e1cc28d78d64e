// npm run bench:delivery: see docs/benchmarks.md, "Delivery". Exit status 1 when a measure was missed.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { Pool } from 'undici';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisLink } from '../../src/redis/connection.js';
import { Keys } from '../../src/redis/keys.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import type { EndpointConfig } from '../../src/webhooks/sender.js';
import { exampleCall, exampleChange } from '../../test/redis/examples.js';
import { OwnRedis } from '../../test/support/redis-server.js';
import { until } from '../../test/support/until.js';
import { Nginx } from '../lib/nginx.js';
import { Report, ms, ratio } from '../lib/report.js';
import { loadBefore, median, percentile } from '../lib/usage.js';
import type { ReceiverCount } from './receiver.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const TYPES = ['call.received', 'call.ringing', 'call.answered', 'call.completed', 'recording.ready'] as const;
const AT_A_TIME = 8;
const ROUNDS = 5;
const DELIVERIES = 20_000;
const UNDELIVERED = 100_000;
const EVENTS_PER_SECOND = 50;
const LATENCY_SECONDS = 20;
const ENGINE = 'delivery';

/** A receiver process; asks it what has come. */
class Receiver {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(): Promise<Receiver> {
    const child = fork(new URL('./receiver.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
    const [port] = (await once(child, 'message')) as [number];
    return new Receiver(child, `http://127.0.0.1:${port}/hooks`);
  }

  async count(): Promise<ReceiverCount> {
    this.child.send('count');
    const [count] = (await once(this.child, 'message')) as [ReceiverCount];
    return count;
  }

  stop(): void {
    this.child.disconnect();
  }
}

const report = new Report();
const redis = await OwnRedis.start({ appendfsync: 'everysec' });
const link = new RedisLink({ url: redis.url, commandTimeoutMs: 30_000 });
await link.waitUntilReady(5_000);
const keys = new Keys('bench:');
const outbox = new RedisOutbox(link, keys);
const filler = new RedisCallStore(link, keys);
const log = pino({ level: 'silent' });
const receiver = await Receiver.start();
/** A receiver that costs a third of ours: node's own, and Redis, have to share two cores with what is measured. */
const nginx = await Nginx.start('location / { return 200 ok; }');

const endpoint = (id: string, url = receiver.url): EndpointConfig => ({ id, url, secret: SECRET, allowPrivate: true });

/** `n` events of calls of five events each, queued for `endpoints`. */
async function fill(n: number, endpoints: string[]): Promise<void> {
  for (let written = 0; written < n; written += 100) {
    const calls = Array.from({ length: 20 }, () => exampleChange(exampleCall(), [...TYPES], { endpoints }));
    await Promise.all(calls.map((change) => filler.commit(change)));
  }
  await until('Redis has rewritten its file', fileWritten, 60_000);
}

/** What the filling made Redis do beside its work is not what is measured. */
async function fileWritten(): Promise<boolean> {
  const info = await link.send((client) => client.info('persistence'));
  return !/aof_rewrite_(in_progress|scheduled):1/.test(info);
}

interface Run {
  perSecond: number;
  cpuMs: number;
}

async function timed(n: number, work: () => Promise<unknown>): Promise<Run> {
  const [before, startedAt] = [process.cpuUsage(), performance.now()];
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { perSecond: n / seconds, cpuMs: (user + system) / 1000 / n };
}

/** The same client, connections and bodies, and nothing else. */
async function bare(receiverUrl: string, bodies: string[]): Promise<Run> {
  const url = new URL(receiverUrl);
  const pool = new Pool(url.origin, { connections: AT_A_TIME });
  const headers = { 'content-type': 'application/json' };
  let left = DELIVERIES;
  const loop = async (): Promise<void> => {
    for (; left > 0; left -= 1) {
      const body = bodies[left % bodies.length] ?? '';
      const answer = await pool.request({ path: url.pathname, method: 'POST', headers, body });
      await answer.body.dump();
    }
  };
  const run = await timed(DELIVERIES, () => Promise.all(Array.from({ length: AT_A_TIME }, loop)));
  await pool.close();
  return run;
}

/** From the first one on: an endpoint that was away is probed before. */
async function drained(to: EndpointConfig, n: number): Promise<Run> {
  let delivered = 0;
  const waiting = new Map<number, () => void>();
  const reached = (count: number): Promise<void> => new Promise((resolve) => waiting.set(count, resolve));
  const onDelivered = (): void => waiting.get((delivered += 1))?.();
  const dispatcher = new Dispatcher(outbox, log, { onDelivered });
  const [first, all] = [reached(1), reached(n)];
  dispatcher.start([to]);
  await first;
  const run = await timed(n - 1, () => all);
  await dispatcher.stop(5_000);
  return run;
}

/** Medians over the rounds. `cpuMs`: of this process, for each delivery. */
interface Compared {
  perSecond: number;
  share: number;
  cpuMs: number;
}

async function compare(what: string, url: string): Promise<Compared> {
  console.log(`\nDeliveries a second to ${what}, in turns with the bare loop`);
  const bodies = Array.from({ length: 40 }, () =>
    exampleChange(exampleCall(), [...TYPES]).events.map(({ body }) => body),
  ).flat();
  const [bares, ours]: [Run[], Run[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round += 1) {
    await fill(DELIVERIES, ['crm']);
    const [one, other] = [await bare(url, bodies), await drained(endpoint('crm', url), DELIVERIES)];
    // The first one is for V8 to compile.
    if (round === 0) continue;
    bares.push(one);
    ours.push(other);
    console.log(
      `  bare ${one.perSecond.toFixed(0)}/s, ${one.cpuMs.toFixed(3)} ms; ours ${other.perSecond.toFixed(0)}/s, ${other.cpuMs.toFixed(3)} ms of processor time each`,
    );
  }
  report.figure(ENGINE, `rate to ${what}`, { bares, ours });
  return {
    perSecond: median(ours.map((run) => run.perSecond)),
    share: median(ours.map((run, i) => run.perSecond / (bares[i]?.perSecond ?? Number.NaN))),
    cpuMs: median(ours.map((run) => run.cpuMs)),
  };
}

async function rate(): Promise<void> {
  const { perSecond, share, cpuMs } = await compare('a receiver on node', receiver.url);
  report.judge(ENGINE, 'deliveries a second', '>= 2,000', perSecond.toFixed(0), perSecond >= 2_000);
  report.judge(ENGINE, 'of the bare loop', '>= 0.50 x', ratio(share), share >= 0.5);
  report.judge(ENGINE, 'processor time a delivery', 'stated', `${cpuMs.toFixed(3)} ms`, null);
  if (nginx === null) return;
  const light = await compare('nginx', `${nginx.origin}/hooks`);
  const found = `${light.perSecond.toFixed(0)}/s, ${ratio(light.share)}`;
  report.judge(ENGINE, 'deliveries a second to nginx, and of the bare loop', 'stated', found, null);
}

/** Fifty events a second for one endpoint; what its receiver saw, ms. */
async function steady(dispatcher: Dispatcher, id: string): Promise<{ p50: number; p99: number; cpuMs: number }> {
  const store = new RedisCallStore(link, keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });
  await receiver.count();
  const startedAt = performance.now();
  const events = EVENTS_PER_SECOND * LATENCY_SECONDS;
  const run = await timed(events, async () => {
    let call = exampleCall();
    for (let n = 0; n < events; n += 1) {
      if (n % TYPES.length === 0) call = exampleCall();
      const first = (n % TYPES.length) + 1;
      await store.commit(exampleChange(call, [TYPES[first - 1] ?? 'call.tagged'], { endpoints: [id], first }));
      await pause(Math.max(0, startedAt + ((n + 1) * 1000) / EVENTS_PER_SECOND - performance.now()));
    }
  });
  await pause(1_000);
  const { latenciesMs } = await receiver.count();
  return { p50: percentile(latenciesMs, 0.5), p99: percentile(latenciesMs, 0.99), cpuMs: run.cpuMs };
}

async function latencyAndBacklog(): Promise<void> {
  console.log(
    `\n${EVENTS_PER_SECOND} events a second, then the same beside ${UNDELIVERED} undelivered ones of another endpoint`,
  );
  // Nobody listens on port 1.
  const away = endpoint('away', 'http://127.0.0.1:1/');
  const dispatcher = new Dispatcher(outbox, log);
  dispatcher.start([endpoint('crm'), away]);
  await steady(dispatcher, 'crm');
  const alone = await steady(dispatcher, 'crm');
  report.judge(ENGINE, 'event to receipt p50', '<= 25 ms', ms(alone.p50), alone.p50 <= 25);
  report.judge(ENGINE, 'event to receipt p99', '<= 150 ms', ms(alone.p99), alone.p99 <= 150);
  const before = await usedMemory();
  await fill(UNDELIVERED, []);
  const events = await usedMemory();
  await fill(UNDELIVERED, ['away']);
  const queued = await usedMemory();
  const beside = await steady(dispatcher, 'crm');
  await dispatcher.stop(5_000);
  report.figure(ENGINE, 'latency', { alone, beside });
  const perEvent = (queued - events - (events - before)) / UNDELIVERED;
  const found = `${((queued - events) / 2 ** 20).toFixed(0)} MB, ${perEvent.toFixed(0)} bytes an event of it for the queue`;
  report.judge(ENGINE, `memory of ${UNDELIVERED} undelivered events with their calls`, 'stated', found, null);
  // A clock of whole milliseconds: below one there is nothing to compare.
  const worse = Math.max(1, beside.p99) / Math.max(1, alone.p99);
  report.judge(ENGINE, 'p99 of another endpoint meanwhile', '<= 1.30 x', ratio(worse), worse <= 1.3);
  const left = await outbox.backlog(['away']);
  const back = await drained(endpoint('away'), left.get('away')?.events ?? 0);
  report.judge(ENGINE, 'drained after its return', 'stated', `${back.perSecond.toFixed(0)}/s`, null);
}

async function usedMemory(): Promise<number> {
  const info = await link.send((client) => client.info('memory'));
  return Number(/used_memory:(\d+)/.exec(info)?.[1]);
}

console.log(`load before ${loadBefore().toFixed(2)}, node ${process.version}`);
try {
  await rate();
  await latencyAndBacklog();
  await until('nothing is left', async () => (await outbox.backlog(['away'])).get('away')?.events === 0);
} finally {
  link.close();
  receiver.stop();
  await nginx?.stop();
  await redis.remove();
}
report.finish({ node: process.version, loadBefore: loadBefore() });
process.exit(report.missed.length > 0 ? 1 : 0);
