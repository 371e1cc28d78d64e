import { writeFile } from 'node:fs/promises';
import { judgeFacts, runOnce, type Context } from '../lib/context.js';
import type { Measured } from '../lib/measure.js';
import { ms, printHead, ratio } from '../lib/report.js';
import { median } from '../lib/usage.js';
import type { System } from '../lib/world.js';

const RATES = [5, 10];
const HOLD_MS = 1000;

/** Set-up time and processor time a call, at two steady rates; the systems take turns within a round. */
export async function latency(context: Context): Promise<void> {
  const { world, options } = context;
  const runs: Measured[] = [];
  printHead(`Set-up time, ${world.kind}: callee answers at once, no sound (ms)`);
  for (let round = 0; round < options.rounds; round += 1) {
    for (const system of context.systems) {
      const profiled = options.profile !== null && system === 'ours' ? options.profile : null;
      await world.use(system, { inspect: profiled !== null });
      for (const callsPerSecond of RATES) {
        const shape = { callsPerSecond, calls: callsPerSecond * options.seconds, holdMs: HOLD_MS };
        const run = (): Promise<Measured> => runOnce(context, system, shape);
        runs.push(profiled !== null && callsPerSecond === 10 ? await withProfile(context, profiled, run) : await run());
      }
    }
  }
  judge(context, runs);
  judgeFacts(context, 'set-up', runs);
}

async function withProfile(context: Context, file: string, run: () => Promise<Measured>): Promise<Measured> {
  const inspector = await context.world.gateway.inspector();
  await inspector.ask('Profiler.enable');
  await inspector.ask('Profiler.setSamplingInterval', { interval: 500 });
  await inspector.ask('Profiler.start');
  const measured = await run();
  const { profile } = (await inspector.ask('Profiler.stop')) as { profile: object };
  await writeFile(file, JSON.stringify(profile));
  inspector.close();
  return measured;
}

interface Medians {
  p50: number;
  p95: number;
  p99: number;
  nodeCpu: number;
}

function medians(runs: Measured[], system: System, rate: number): Medians {
  const mine = runs.filter((run) => run.system === system && run.callsPerSecond === rate);
  return {
    p50: median(mine.map(({ setup }) => setup.p50)),
    p95: median(mine.map(({ setup }) => setup.p95)),
    p99: median(mine.map(({ setup }) => setup.p99)),
    nodeCpu: median(mine.map(({ cpuPerCall }) => cpuPerCall['node'] ?? Number.NaN)),
  };
}

function judge({ world, report, systems }: Context, runs: Measured[]): void {
  for (const rate of RATES) {
    const figures = Object.fromEntries(systems.map((system) => [system, medians(runs, system, rate)]));
    report.figure(world.kind, `latency at ${rate}/s`, figures);
    for (const [system, { p50, p95, p99, nodeCpu }] of Object.entries(figures))
      console.log(`  median at ${rate}/s ${system}: ${ms(p50)} / ${ms(p95)} / ${ms(p99)}, node ${ms(nodeCpu)} a call`);
    const { ours, A, P } = figures;
    if (!ours) continue;
    if (A && P) {
      report.judge(
        world.kind,
        `set-up p50 at ${rate}/s, ours / A`,
        '<= 1.25',
        ratio(ours.p50 / A.p50),
        ours.p50 <= 1.25 * A.p50,
      );
      report.judge(
        world.kind,
        `set-up p50 at ${rate}/s, ours / P`,
        '<= 1.1',
        ratio(ours.p50 / P.p50),
        ours.p50 <= 1.1 * P.p50,
      );
      const cpu = ours.nodeCpu / P.nodeCpu;
      report.judge(world.kind, `node CPU a call at ${rate}/s, ours / P`, '<= 1.3', ratio(cpu), cpu <= 1.3);
    } else if (world.kind === 'sandbox' && rate === 10) {
      report.judge(world.kind, 'set-up p50 at 10/s', '<= 30 ms', ms(ours.p50), ours.p50 <= 30);
      report.judge(world.kind, 'set-up p99 at 10/s', '<= 120 ms', ms(ours.p99), ours.p99 <= 120);
    }
  }
}
