import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Keys } from '../../src/redis/keys.js';
import { until } from '../../test/support/until.js';
import type { Inspector } from '../lib/inspector.js';
import type { Report } from '../lib/report.js';
import { residentBytes } from '../lib/usage.js';
import { PREFIX } from './configuration.js';
import type { House, Machine } from './house.js';

/** What one gateway holds while no call is up. */
export interface Holdings {
  /** After forced collections of garbage. */
  heapBytes: number;
  residentBytes: number;
  descriptors: number;
  timers: number;
  /** Objects of calls: ours, and the dialogs of drachtio-srf. */
  sessions: number;
  dialogs: number;
  /** Route and SIP Call-ID of the calls that those belong to. */
  calls: string[];
}

/** 64 * T1 and a little: by then every SIP transaction and its timers are gone (RFC 3261 17). */
const SETTLE_MS = 35_000;
/** What FreeSWITCH began for a caller who gave up as he was answered stays until the next look at the spool. */
const PATIENCE_MS = 420_000;
/** With fewer calls behind it a gateway is still compiling what has run and filling what it keeps. */
export const WARM_CALLS = 200;
/** Two settled heaps of one idle program differ by about as much. */
const HEAP_NOISE = 0.05;
/** Pages stay with the allocator for a while, so the resident size says less. */
const RESIDENT_NOISE = 0.15;
/** Connections to receiver and Redis come and go, and their timers with them. */
const DESCRIPTOR_NOISE = 4;
const TIMER_NOISE = 4;
const TIMER_LOOKS = 5;
const BETWEEN_LOOKS_MS = 400;
const keys = new Keys(PREFIX);

/** Everything of calls that is still anywhere, by name: what is not 0 should not be there. */
async function leftovers({ machines, client }: House): Promise<Record<string, number>> {
  const left: Record<string, number> = { 'live calls in Redis': await client.zcard(keys.liveCalls()) };
  left['channels in Redis'] = await heldChannels(client);
  for (const { id, engines, gateway } of machines) {
    left[`${id}: FreeSWITCH channels`] = await engines.channels();
    left[`${id}: files in the spool`] = (await readdir(engines.spool)).length;
    for (const name of ['calls_in_progress', 'calls_unwritten', 'channels_in_use'])
      left[`${id}: ${name}`] = await gateway.metric(`calltrack_${name}`);
  }
  return Object.fromEntries(Object.entries(left).filter(([, count]) => count !== 0));
}

/** Tokens whose time is not over: every resource of the limits and every tracking number. */
async function heldChannels(client: House['client']): Promise<number> {
  const names = await client.keys(`${PREFIX}v1:*channel:*`);
  const [seconds] = await client.time();
  const counts = await Promise.all(names.map((name) => client.zcount(name, Number(seconds) * 1000, '+inf')));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Waits until nothing of any call is left, `but` for what may stay, and gives what is then; empty where all is well. */
export async function settle(house: House, but?: RegExp): Promise<Record<string, number>> {
  let left: Record<string, number> = {};
  const nothing = until(
    'nothing of the calls is left',
    async () => {
      left = await leftovers(house);
      return Object.keys(left).every((name) => but?.test(name));
    },
    PATIENCE_MS,
  );
  await nothing.catch(() => undefined); // what is left is told
  return left;
}

/** Looks at every gateway, once the timers of its calls have run out. */
export async function weigh({ machines }: House): Promise<Holdings[]> {
  await pause(SETTLE_MS);
  const all: Holdings[] = [];
  for (const machine of machines) all.push(await weighOne(machine));
  return all;
}

async function weighOne({ gateway }: Machine): Promise<Holdings> {
  const inspector = await gateway.inspector();
  try {
    const { CallSession: sessions = 0, Dialog: dialogs = 0 } = await inspector.countObjects('CallSession', 'Dialog');
    const calls = sessions > 0 ? await inspector.heldCalls() : [];
    const timers = await lastingTimers(inspector);
    const heapBytes = await inspector.settledHeapBytes();
    const descriptors = (await readdir(`/proc/${gateway.pid}/fd`)).length;
    return {
      heapBytes,
      residentBytes: await residentBytes(gateway.pid),
      descriptors,
      timers,
      sessions,
      dialogs,
      calls,
    };
  } finally {
    inspector.close();
  }
}

/** The fewest of some looks: beside what lasts there are those of what is on its way, as OPTIONS to phones and heartbeats. */
async function lastingTimers(inspector: Inspector): Promise<number> {
  const counts: number[] = [];
  for (let n = 0; n < TIMER_LOOKS; n += 1) {
    if (n > 0) await pause(BETWEEN_LOOKS_MS);
    const count = `process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length`;
    counts.push(Number(await inspector.evaluate(count)));
  }
  return Math.min(...counts);
}

/** Holds what a gateway has at the end against what it had after the first fifth. */
export function judgeGrowth(
  report: Report,
  { kind, id, warm }: { kind: string; id: string; warm: boolean },
  [before, after]: [Holdings, Holdings],
): void {
  const percent = (name: 'heapBytes' | 'residentBytes', title: string, noise: number): void => {
    const grown = after[name] / before[name] - 1;
    const found = `${mb(before[name])} -> ${mb(after[name])} (${(100 * grown).toFixed(1)} %)`;
    report.judge(kind, `${id}: ${title}`, `no growth (within ${100 * noise} %)`, found, warm ? grown <= noise : null);
  };
  percent('heapBytes', 'heap in use', HEAP_NOISE);
  percent('residentBytes', 'resident memory', RESIDENT_NOISE);
  const count = (name: 'descriptors' | 'timers', title: string, noise: number): void => {
    const found = `${before[name]} -> ${after[name]}`;
    report.judge(kind, `${id}: ${title}`, `no growth (within ${noise})`, found, after[name] <= before[name] + noise);
  };
  count('descriptors', 'file descriptors', DESCRIPTOR_NOISE);
  count('timers', 'timers', TIMER_NOISE);
}

const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
