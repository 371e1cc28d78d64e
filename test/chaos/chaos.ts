import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { CallEvent } from '../../src/call/ports.js';
import { withDeadline } from '../../src/lib/deadline.js';
import { Keys } from '../../src/redis/keys.js';
import { MoodyReceiver, type Mood } from '../support/moody-receiver.js';
import { randomOf } from '../support/random.js';
import { OwnRedis, type AppendFsync } from '../support/redis-server.js';
import { until } from '../support/until.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const keys = new Keys('chaos:');

export interface ChaosOptions {
  /** Events that are written at least. */
  events: number;
  seed: number;
  gateways: number;
  /** With `everysec`, a gateway and Redis that die within two seconds may lose what no one else knows. */
  appendfsync: AppendFsync;
  /** Between two misfortunes, ms: at most. */
  everyMs: number;
  /** For the last event to arrive after the last misfortune. */
  settleMs: number;
  log: (line: string) => void;
}

export interface ChaosResult {
  written: number;
  received: number;
  requests: number;
  misfortunes: Record<string, number>;
  /** Written and never received. */
  missing: string[];
  /** Received without being written, or ahead of what its call says. */
  unfounded: string[];
  /** Calls whose events came in another order. */
  disordered: string[];
  unverified: number;
}

/** Kills gateways, restarts Redis and lets the receiver fail until enough was written; then looks at what came of it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const redis = await OwnRedis.start({ appendfsync: options.appendfsync });
  const receiver = await MoodyReceiver.start(SECRET);
  const client = new Redis(redis.url, { retryStrategy: () => 50 });
  client.on('error', () => undefined); // Redis is taken away on purpose
  const launch = (): ChildProcess =>
    fork(new URL('./gateway.ts', import.meta.url), [redis.url, receiver.url, SECRET], {
      execArgv: ['--import', 'tsx'],
    });
  const gateways = Array.from({ length: options.gateways }, launch);
  const misfortunes: Record<string, number> = {};
  try {
    await misfortune({ ...options, redis, receiver, client, gateways, launch, misfortunes });
    receiver.mood = 'well';
    await withDeadline(Promise.all(gateways.map(quieten)), options.settleMs, 'quieting the writers');
    const count = await written(client);
    options.log(`${count} events written; waiting for the last ones`);
    const all = until('every event has arrived', () => receiver.received >= count, options.settleMs);
    await all.catch(() => undefined); // what is missing is told below
    return { ...(await judge(client, receiver)), misfortunes };
  } finally {
    for (const gateway of gateways) gateway.kill('SIGKILL');
    receiver.stop();
    client.disconnect();
    await redis.remove();
  }
}

/** Settles when it has written its last event. */
async function quieten(gateway: ChildProcess): Promise<void> {
  const quiet = once(gateway, 'message');
  gateway.send('quiet');
  await quiet;
}

interface Stage extends Omit<ChaosOptions, 'gateways'> {
  redis: OwnRedis;
  receiver: MoodyReceiver;
  client: Redis;
  gateways: ChildProcess[];
  launch: () => ChildProcess;
  misfortunes: Record<string, number>;
}

async function misfortune(stage: Stage): Promise<void> {
  const { redis, receiver, client, gateways, launch, misfortunes, log } = stage;
  const random = randomOf(stage.seed);
  const acts: Record<string, () => Promise<void>> = {
    'kill -9 of a gateway': async () => {
      const at = Math.floor(random() * gateways.length);
      gateways[at]?.kill('SIGKILL');
      gateways[at] = launch();
      return Promise.resolve();
    },
    'restart of Redis': async () => {
      await redis.kill();
      await pause(random() * 500);
      await redis.up();
    },
    'receiver: errors': () => moody('error'),
    'receiver: hangs': () => moody('hang'),
    'receiver: resets': () => moody('reset'),
  };
  const moody = async (mood: Mood): Promise<void> => {
    receiver.mood = mood;
    await pause(random() * 1_500);
    receiver.mood = 'well';
  };
  const names = Object.keys(acts);
  // Each once, then as it comes.
  for (let n = 0; n < names.length || (await written(client)) < stage.events; n += 1) {
    await pause(random() * stage.everyMs);
    const name = names[n < names.length ? n : Math.floor(random() * names.length)] ?? '';
    misfortunes[name] = (misfortunes[name] ?? 0) + 1;
    log(`${name}; ${receiver.received} events received`);
    await acts[name]?.();
  }
}

const written = (client: Redis): Promise<number> => client.xlen(keys.events());

async function judge(client: Redis, receiver: MoodyReceiver): Promise<Omit<ChaosResult, 'misfortunes'>> {
  const all = await client.xrange(keys.events(), '-', '+');
  const events = all.map(([, fields]) => JSON.parse(fields[fields.indexOf('body') + 1] ?? '') as CallEvent);
  const known = new Set(events.map(({ id }) => id));
  const takenIds = new Set([...receiver.taken.values()].flatMap((taken) => [...taken.keys()]));
  const unfounded = [...takenIds].filter((id) => !known.has(id));
  const disordered: string[] = [];
  for (const [call, taken] of receiver.taken) {
    const sequence = [...taken.values()];
    if (sequence.some((n, i) => i > 0 && n < (sequence[i - 1] ?? 0))) disordered.push(call);
    const seq = Number(await client.hget(keys.call(call), 'seq'));
    if (Math.max(...sequence) > seq) unfounded.push(call);
  }
  return {
    written: events.length,
    received: takenIds.size,
    requests: receiver.requests,
    missing: events.map(({ id }) => id).filter((id) => !takenIds.has(id)),
    unfounded,
    disordered,
    unverified: receiver.unverified,
  };
}
