import { join } from 'node:path';
import { until } from '../../test/support/until.js';
import type { CalleeCount } from './load.js';
import type { CallRecord, RunRequest, RunResult } from './messages.js';
import { countRecordings, takeRecordings, wavSeconds, type RecordingCount } from './recordings.js';
import { cpuMs, hostTime, percentile, type HostTime } from './usage.js';
import type { System, World } from './world.js';

/** One run of one system. */
export interface Measured {
  system: System;
  callsPerSecond: number;
  calls: number;
  ok: number;
  /** Calls that neither went well nor were refused as overload, of all that were not refused so, %. */
  failedPercent: number;
  /** Refused with 503 and Retry-After. */
  refused: number;
  outcomes: Record<string, number>;
  /** INVITE sent → 200 received, ms. */
  setup: { p50: number; p95: number; p99: number; max: number };
  /** Processor time per good call, ms, of each process; `node` is the gateway or the bare program. */
  cpuPerCall: Record<string, number>;
  hostBusyPercent: number;
  stealMs: number;
  retransmissions: number;
  recordings: RecordingCount;
  /** Of our own calls: their last events came, signed and in time. */
  events: { missing: number; unverified: number };
  /** Sound that arrived, of what the talks' length asks for, %; null without sound. */
  soundPercent: { caller: number; callee: number } | null;
}

/** Events are delivered within milliseconds; a recording of a minute is hashed first. */
const SETTLE_MS = 30_000;
/** What belongs to a run but happens after its last call: the end of its recordings, its last events. */
const TAIL_MS = 1000;
const PACKETS_PER_SECOND = 50;

/** Runs `shape` against the system that is up, and counts everything that came of it. */
export async function measure(world: World, system: System, shape: Omit<Shape, 'rtp'> & { rtp?: boolean }) {
  const request = world.request(shape);
  const before = await usage(world);
  const { result, callee } = await world.load.run(request);
  await new Promise((resolve) => setTimeout(resolve, TAIL_MS));
  const after = await usage(world);
  const missing = system === 'ours' ? await unsettled(world, result.calls) : 0;
  await world.quiet();
  const good = result.calls.filter(({ outcome }) => outcome === 'ok');
  const refused = result.calls.filter(({ outcome, retryAfter }) => outcome === '503' && retryAfter).length;
  const setups = good.map(({ setupMs }) => setupMs ?? Number.NaN);
  const recordings = await (system === 'ours' ? ourRecordings(world, good) : baselineRecordings(world, good, request));
  const measured: Measured = {
    system,
    callsPerSecond: request.callsPerSecond,
    calls: request.calls,
    ok: good.length,
    failedPercent: (100 * (request.calls - good.length - refused)) / Math.max(1, request.calls - refused),
    refused,
    outcomes: countOutcomes(result.calls),
    setup: {
      p50: percentile(setups, 0.5),
      p95: percentile(setups, 0.95),
      p99: percentile(setups, 0.99),
      max: percentile(setups, 1),
    },
    cpuPerCall: perCall(before, after, good.length),
    hostBusyPercent: (100 * (after.host.busyMs - before.host.busyMs)) / (after.host.totalMs - before.host.totalMs),
    stealMs: after.host.stealMs - before.host.stealMs,
    retransmissions: result.inviteRetransmissions + result.byeRetransmissions,
    recordings,
    events: { missing, unverified: world.receiver.unverified },
    soundPercent: request.rtp ? soundShare(result, callee) : null,
  };
  world.receiver.forget();
  await world.discardRecordings();
  return measured;
}

type Shape = Pick<RunRequest, 'callsPerSecond' | 'calls' | 'holdMs' | 'rtp'>;

interface Usage {
  cpu: Record<string, number>;
  host: HostTime;
}

async function usage(world: World): Promise<Usage> {
  const pids = { ...world.engines.pids, ...(world.nodePid === null ? {} : { node: world.nodePid }) };
  const cpu = await Promise.all(Object.entries(pids).map(async ([name, pid]) => [name, await cpuMs(pid)] as const));
  return { cpu: Object.fromEntries(cpu), host: await hostTime() };
}

function perCall(before: Usage, after: Usage, calls: number): Record<string, number> {
  const names = Object.keys(after.cpu);
  return Object.fromEntries(names.map((name) => [name, ((after.cpu[name] ?? 0) - (before.cpu[name] ?? 0)) / calls]));
}

function countOutcomes(calls: CallRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of calls) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Waits for the last events of all calls that were ours to connect; how many did not come. */
async function unsettled(world: World, calls: CallRecord[]): Promise<number> {
  const waiting = new Set(calls.filter(({ outcome }) => outcome === 'ok').map(({ callId }) => callId));
  const settled = until(
    'the last events',
    () => {
      for (const callId of waiting) if (world.receiver.settled(callId)) waiting.delete(callId);
      return waiting.size === 0;
    },
    SETTLE_MS,
  );
  await settled.catch(() => undefined); // what is missing is counted
  return waiting.size;
}

async function ourRecordings(world: World, good: CallRecord[]): Promise<RecordingCount> {
  const talks = good.map(async ({ callId, talkMs }) => {
    const file = world.receiver.of(callId)?.file ?? null;
    const recordedSeconds = file === null ? null : await wavSeconds(join(world.recordings, file));
    return { talkSeconds: (talkMs ?? 0) / 1000, recordedSeconds };
  });
  return countRecordings(await Promise.all(talks));
}

/** The baselines name no call in their files, so each is held against the length that all talks have. */
async function baselineRecordings(world: World, good: CallRecord[], request: RunRequest): Promise<RecordingCount> {
  const lengths = await takeRecordings(world.engines.baselineSpool ?? '');
  const sounding = lengths.filter((length) => length !== null);
  const talks = good.map((_call, n) => ({
    talkSeconds: request.holdMs / 1000,
    recordedSeconds: sounding[n] ?? null,
  }));
  return countRecordings(talks);
}

function soundShare(result: RunResult, callee: CalleeCount): { caller: number; callee: number } {
  const talkMs = result.calls.reduce((sum, call) => sum + (call.talkMs ?? 0), 0);
  const packets = (talkMs / 1000) * PACKETS_PER_SECOND;
  return { caller: (100 * result.rtpReceived) / packets, callee: (100 * callee.rtpReceived) / packets };
}
