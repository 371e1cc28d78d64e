// npm run bench:leases: how fast numbers are lent, and that none is lent twice. docs/benchmarks.md tells more.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { Keys } from '../src/redis/keys.js';
import { doubleLends } from '../test/support/holders.js';
import { OwnRedis } from '../test/support/redis-server.js';
import { POLICY, PREFIX, SITE, type ClientReport, type ClientTask } from './lib/lease-bench.js';
import { Report } from './lib/report.js';
import { cpuMs, loadBefore } from './lib/usage.js';

const CLIENTS = 32;
const PROCESSES = 2;
const NUMBERS = 20_000;
const TARGET = 3_000;
const WARM_UP_MS = 2_000;
/** One of the clients is killed so often while numbers are lent without end. */
const KILL_MS = 8_000;
/** What has been checked is dropped, so that a million leases fit into little memory. */
const CHECK_EVERY = 50_000;
const SOAK = 1_000_000;
const BATCH = 500;

/** `--soak` needs no number. */
const args = process.argv.slice(2).flatMap((arg, i, all) => {
  return arg === '--soak' && !/^\d+$/.test(all[i + 1] ?? '') ? [arg, String(SOAK)] : [arg];
});
const { values } = parseArgs({
  args,
  options: { seconds: { type: 'string', default: '10' }, soak: { type: 'string' }, help: { type: 'boolean' } },
});
if (values.help) {
  console.log(`npm run bench:leases [-- options]
  --seconds N   length of each measured piece (default 10)
  --soak [N]    instead: N allocations (${SOAK}) by clients that are killed at random; no number may be lent twice`);
  process.exit(0);
}

const redis = await OwnRedis.start();
const raw = new Redis(redis.url);
const keys = new Keys(PREFIX);
const children = new Set<ChildProcess>();
const report = new Report();

function start(program: string, argument: string): ChildProcess {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = fork(file, [argument], { execArgv: ['--import', 'tsx'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** A client process and what it has done so far. */
class Client {
  readonly #child: ChildProcess;
  done: ClientReport = { allocated: 0, withoutNumber: 0 };

  constructor(task: Omit<ClientTask, 'redisUrl'>) {
    this.#child = start('./lease-client.ts', JSON.stringify({ ...task, redisUrl: redis.url }));
    this.#child.on('message', (message) => (this.done = message as ClientReport));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async begun(): Promise<void> {
    while (this.done.allocated === 0 && this.#child.exitCode === null) await delay(20);
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

async function fillPool(): Promise<void> {
  const numbers = Array.from({ length: NUMBERS }, (_, i) => `+7495${1_000_000 + i}`);
  const pipe = raw.pipeline();
  for (const number of numbers) {
    pipe.hset(keys.number(number), { site: SITE, kind: 'dynamic', enabled: '1' });
    pipe.zadd(keys.pool(SITE), 0, number);
  }
  await pipe.exec();
}

/** Looks through all histories, and drops them up to the latest holder of each number. */
async function countDoubleLends(): Promise<{ leases: number; doubles: string[] }> {
  const numbers = await raw.zrange(keys.pool(SITE), 0, -1);
  const doubles: string[] = [];
  let leases = 0;
  for (let from = 0; from < numbers.length; from += BATCH) {
    const part = numbers.slice(from, from + BATCH);
    const look = raw.pipeline();
    for (const number of part) look.zrange(keys.holders(number), 0, -1);
    const drop = raw.pipeline();
    for (const [i, [, reply]] of ((await look.exec()) ?? []).entries()) {
      const [number = '', members] = [part[i], reply as string[]];
      doubles.push(...doubleLends(members, POLICY.quarantine).map((found) => `${number}: ${found}`));
      leases += Math.max(0, members.length - 1);
      // The latest may still be extended; it is the first of the next look.
      if (members.length > 1) drop.zremrangebyrank(keys.holders(number), 0, members.length - 2);
    }
    await drop.exec();
  }
  return { leases, doubles };
}

/** Processor time of everybody who takes part, ms. */
async function usage(clients: readonly Client[], server?: number): Promise<Record<string, number>> {
  const info = await raw.info('cpu');
  const seconds = [...info.matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)].map(([, value]) => Number(value));
  const ofClients = await Promise.all(clients.map(({ pid }) => cpuMs(pid)));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const used: Record<string, number> = { redis: sum(seconds) * 1000, clients: sum(ofClients) };
  if (server !== undefined) used['server'] = await cpuMs(server);
  return used;
}

async function rate(name: string, http: string | null, seconds: number, server?: number): Promise<void> {
  const task = { loops: http === null ? CLIENTS / PROCESSES : CLIENTS, http, mixed: false };
  const clients = Array.from({ length: http === null ? PROCESSES : 1 }, () => new Client(task));
  await Promise.all(clients.map((client) => client.begun()));
  await delay(WARM_UP_MS);
  const allocated = (): number => clients.reduce((sum, { done }) => sum + done.allocated, 0);
  const [before, usedBefore, startedMs] = [allocated(), await usage(clients, server), performance.now()];
  await delay(seconds * 1000);
  const count = allocated() - before;
  const perSecond = (count * 1000) / (performance.now() - startedMs);
  const used = Object.entries(await usage(clients, server)).map(([who, ms]): [string, number] => {
    return [who, ((ms - (usedBefore[who] ?? 0)) * 1000) / count];
  });
  const without = clients.reduce((sum, { done }) => sum + done.withoutNumber, 0);
  await Promise.all(clients.map((client) => client.kill()));
  report.figure('leases', name, { perSecond, withoutNumber: without, cpuMicroseconds: Object.fromEntries(used) });
  // What the machine would do had it nothing else to do: Redis and the server have one thread each.
  const [total, most] = [used.reduce((sum, [, us]) => sum + us, 0), Math.max(...used.map(([, us]) => us))];
  const alone = Math.floor(1e6 / Math.max(total / cpus().length, http === null ? (used[0]?.[1] ?? 0) : most));
  const each = used.map(([who, us]) => `${who} ${us.toFixed(0)}`).join(', ');
  console.log(`  CPU us an allocation: ${each}; ${cpus().length} cores to itself would give ${alone}/s`);
  const found = `${Math.round(perSecond)}/s${without > 0 ? `, ${without} found no number free` : ''}`;
  report.judge('leases', `allocation ${name}, ${CLIENTS} clients`, `>= ${TARGET}/s`, found, perSecond >= TARGET);
}

async function soak(wanted: number): Promise<void> {
  const task = { loops: CLIENTS / 4, http: null, mixed: true };
  const clients = Array.from({ length: 4 }, () => new Client(task));
  let [fromDead, kills, leases, checkedAt] = [0, 0, 0, 0];
  const doubles: string[] = [];
  const allocated = (): number => fromDead + clients.reduce((sum, { done }) => sum + done.allocated, 0);
  for (let now = 0; now < wanted; now = allocated()) {
    await delay(KILL_MS);
    const index = Math.floor(Math.random() * clients.length);
    const victim = clients[index];
    if (victim) {
      await victim.kill();
      fromDead += victim.done.allocated;
      clients[index] = new Client(task);
      kills += 1;
    }
    if (allocated() - checkedAt < CHECK_EVERY) continue;
    checkedAt = allocated();
    const checked = await countDoubleLends();
    leases += checked.leases;
    doubles.push(...checked.doubles);
    console.log(`  ${checkedAt} allocations, ${kills} clients killed, ${doubles.length} lent twice`);
  }
  await Promise.all(clients.map((client) => client.kill()));
  const checked = await countDoubleLends();
  leases += checked.leases;
  doubles.push(...checked.doubles);
  for (const double of doubles.slice(0, 10)) console.log(`  ${double}`);
  report.figure('leases', 'soak', {
    allocations: allocated(),
    leasesChecked: leases,
    kills,
    doubleLends: doubles.length,
  });
  const found = `${doubles.length} in ${allocated()} allocations (${leases} leases looked at), ${kills} clients killed`;
  report.judge('leases', 'numbers lent to two sessions', '0', found, doubles.length === 0);
}

const facts = { date: new Date().toISOString(), node: process.version, cores: cpus().length, loadBefore: loadBefore() };
console.log(`${facts.cores} cores, node ${facts.node}, load before ${facts.loadBefore.toFixed(2)}`);
try {
  await fillPool();
  if (values.soak !== undefined) await soak(Number(values.soak) || SOAK);
  else {
    await rate('at the store', null, Number(values.seconds));
    const server = start('./lease-server.ts', redis.url);
    const [address] = (await once(server, 'message')) as [string];
    await rate('over HTTP', address, Number(values.seconds), server.pid);
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  raw.disconnect();
  await redis.remove();
}
report.finish(facts);
process.exit(report.missed.length > 0 ? 1 : 0);
