import { judgeFacts, runOnce, type Context } from '../lib/context.js';
import type { Measured } from '../lib/measure.js';
import { ms, printHead, ratio } from '../lib/report.js';
import type { System } from '../lib/world.js';

const STEPS = [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 80, 100];
const STEP_SECONDS = 12;
const HOLD_MS = 2000;
const MOST_FAILED_PERCENT = 1;
const SLOWEST_P95_MS = 1000;
/** Where the load gate is set for the overload run: well below what was carried. */
const GATE_SHARE = 0.7;
const OVERLOAD = 2;

/** The highest steps of calls a second with less than 1 % failed, and what happens above the limit that is set. */
export async function rate(context: Context): Promise<void> {
  const { world, report, systems } = context;
  printHead(`Calls a second, ${world.kind}: less than ${MOST_FAILED_PERCENT} % failed, set-up p95 below 1 s`);
  const highest = await climb(context, systems);
  report.figure(world.kind, 'highest calls a second', highest);
  console.log(`  highest: ${JSON.stringify(highest)}`);
  const { A, P, ours = 0 } = highest;
  if (A !== undefined && P !== undefined)
    report.judge(world.kind, 'highest calls/s, P / A', 'stated', ratio(P / A), null);
  if (A !== undefined)
    report.judge(world.kind, 'highest calls/s, ours / A', '>= 0.7', ratio(ours / A), ours >= 0.7 * A);
  await overload(context, Math.max(1, Math.floor(ours * GATE_SHARE)));
}

type Highest = Partial<Record<System, number>>;

/**
 * Every system is asked the next step until it fails one twice; then each once more from where it stood still. A climb takes
 * some twenty minutes: on a machine that becomes faster meanwhile, who stood still early would look worse than he is.
 */
async function climb(context: Context, systems: readonly System[]): Promise<Highest> {
  const highest = await climbFrom(context, systems, {});
  console.log(`  once more from ${JSON.stringify(highest)}`);
  return climbFrom(context, systems, highest);
}

async function climbFrom(context: Context, systems: readonly System[], reached: Highest): Promise<Highest> {
  const highest = { ...reached };
  const climbing = new Set(systems);
  const runs: Measured[] = [];
  const seconds = Math.min(STEP_SECONDS, context.options.seconds);
  for (const callsPerSecond of STEPS) {
    for (const system of systems) {
      if (!climbing.has(system) || callsPerSecond <= (reached[system] ?? 0)) continue;
      const shape = { callsPerSecond, calls: callsPerSecond * seconds, holdMs: HOLD_MS };
      const tries = await tryTwice(context, system, shape);
      runs.push(...tries);
      if (tries.some(passes)) highest[system] = callsPerSecond;
      else climbing.delete(system);
    }
    if (climbing.size === 0) break;
  }
  judgeFacts(context, 'climbing', runs);
  return highest;
}

/** A second try for either: one stall of a shared machine is not the end of a system. */
async function tryTwice(
  context: Context,
  system: System,
  shape: { callsPerSecond: number; calls: number; holdMs: number },
): Promise<Measured[]> {
  const runs: Measured[] = [];
  while (runs.length < 2 && !runs.some(passes)) {
    await context.world.use(system);
    runs.push(await runOnce(context, system, shape));
  }
  return runs;
}

const passes = ({ failedPercent, setup }: Measured): boolean =>
  failedPercent < MOST_FAILED_PERCENT && setup.p95 < SLOWEST_P95_MS;

/** Twice the calls that the gate lets in: the rest is told to come back, and those inside do not notice. */
async function overload(context: Context, limit: number): Promise<void> {
  const { world, report, options } = context;
  printHead(`Overload, ${world.kind}: the gate at ${limit}/s, ${OVERLOAD * limit}/s offered`);
  const seconds = Math.min(STEP_SECONDS, options.seconds);
  const offer = (callsPerSecond: number): Promise<Measured> =>
    runOnce(context, 'ours', { callsPerSecond, calls: callsPerSecond * seconds, holdMs: HOLD_MS });
  await world.use('ours');
  const within = await offer(limit);
  await world.use('ours', { maxCallsPerSecond: limit });
  const above = await offer(OVERLOAD * limit);
  report.figure(world.kind, 'overload', { within, above });
  const refusals = above.calls - above.ok;
  const found = `${above.refused} of ${refusals}`;
  const polite = above.refused > 0 && above.refused === refusals;
  report.judge(world.kind, 'overload: calls not taken that got 503 with Retry-After', 'all', found, polite);
  const kept = above.setup.p50 / within.setup.p50;
  const times = `${ms(within.setup.p50)} -> ${ms(above.setup.p50)} (${ratio(kept)})`;
  report.judge(world.kind, 'overload: set-up p50 of the calls taken', '<= 1.25 x', times, kept <= 1.25);
  judgeFacts(context, 'overload', [within, above]);
}
