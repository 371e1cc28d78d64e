import { judgeFacts, runOnce, type Context } from '../lib/context.js';
import { TcpProxy } from '../lib/proxy.js';
import { RequestCounter } from '../lib/redis-requests.js';
import { printHead } from '../lib/report.js';
import { median } from '../lib/usage.js';

const CALLS = 30;
const SLOW_CALLS = 9;
const HOLD_MS = 500;
const IDLE_MS = 10_000;
/** Long against everything else that happens before the first INVITE goes out. */
const REPLY_DELAY_MS = 60;

/**
 * Redis seen from outside: a proxy on the way counts what the gateway sends in one write, which is one round trip,
 * and then holds the replies back, so that the waits before the first INVITE out can be counted.
 */
export async function redis(context: Context): Promise<void> {
  const { world } = context;
  printHead(`Redis, ${world.kind}: one call at a time`);
  const counter = new RequestCounter();
  const watch = new FirstInviteWatch();
  const { hostname, port } = new URL(world.redis.url);
  const toRedis = await TcpProxy.start(
    '127.0.0.1',
    { host: hostname, port: Number(port) },
    { onRequest: (chunk) => counter.add(chunk) },
  );
  const toDrachtio = await TcpProxy.start('127.0.0.1', world.engines.drachtio, {
    onRequest: (chunk) => watch.gatewaySent(chunk),
    onReply: (chunk) => watch.gatewayGot(chunk),
  });
  try {
    await world.use('ours', { redis: toRedis.address, drachtio: toDrachtio.address });
    await roundTripsPerCall(context, counter);
    toRedis.replyDelayMs = REPLY_DELAY_MS;
    await roundTripsBeforeInvite(context, watch);
  } finally {
    await world.stopSystem();
    toRedis.stop();
    toDrachtio.stop();
  }
}

async function roundTripsPerCall(context: Context, counter: RequestCounter): Promise<void> {
  const { world, report } = context;
  counter.reset();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idlePerMs = counter.requests / IDLE_MS;
  counter.reset();
  const startedMs = performance.now();
  const run = await runOnce(context, 'ours', { callsPerSecond: 1, calls: CALLS, holdMs: HOLD_MS });
  const idle = idlePerMs * (performance.now() - startedMs);
  const figures = {
    roundTripsPerCall: (counter.requests - idle) / CALLS,
    idlePerSecond: idlePerMs * 1000,
    commandsPerCall: Object.fromEntries([...counter.byName].map(([name, count]) => [name, count / CALLS])),
  };
  report.figure(world.kind, 'redis', figures);
  console.log(
    `  ${figures.roundTripsPerCall.toFixed(1)} round trips a call, and ${figures.idlePerSecond.toFixed(1)} a second when idle`,
  );
  for (const [name, count] of Object.entries(figures.commandsPerCall))
    console.log(`    ${count.toFixed(2).padStart(6)} ${name}`);
  judgeFacts(context, 'redis', [run]);
}

async function roundTripsBeforeInvite(context: Context, watch: FirstInviteWatch): Promise<void> {
  const { world, report } = context;
  watch.counts.length = 0;
  await runOnce(context, 'ours', { callsPerSecond: 1, calls: SLOW_CALLS, holdMs: HOLD_MS / 2 });
  const found = `${median(watch.counts)} (${watch.counts.join(', ')})`;
  report.figure(world.kind, 'round trips before the first INVITE', watch.counts);
  const one = watch.counts.length === SLOW_CALLS && median(watch.counts) === 1;
  report.judge(world.kind, 'Redis round trips before the first outgoing INVITE', '1', found, one);
}

/**
 * How many replies of Redis the first INVITE out has waited for, one after the other: each is held back for as long, so
 * the time since the INVITE in tells. Counting replies would count those of other work that came meanwhile.
 */
class FirstInviteWatch {
  readonly counts: number[] = [];
  #since: number | null = null;

  gatewayGot(chunk: Buffer): void {
    if (/\r\nINVITE sip:\+/.test(chunk.toString('latin1'))) this.#since = performance.now();
  }

  gatewaySent(chunk: Buffer): void {
    if (this.#since === null || !/\r\nINVITE /.test(chunk.toString('latin1'))) return;
    this.counts.push(Math.floor((performance.now() - this.#since) / REPLY_DELAY_MS));
    this.#since = null;
  }
}
