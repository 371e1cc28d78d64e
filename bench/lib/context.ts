import type { BenchOptions } from './options.js';
import { measure, type Measured } from './measure.js';
import { printRun, type Report } from './report.js';
import type { RunRequest } from './messages.js';
import type { System, World } from './world.js';

/** What every part of the bench gets. */
export interface Context {
  world: World;
  /** Those of the world's systems that take part. */
  systems: readonly System[];
  report: Report;
  options: BenchOptions;
}

/** One printed run of what is up. */
export async function runOnce(
  { world }: Context,
  system: System,
  shape: Pick<RunRequest, 'callsPerSecond' | 'calls' | 'holdMs'> & { rtp?: boolean },
): Promise<Measured> {
  const run = await measure(world, system, shape);
  printRun(run);
  if (system === 'ours' && run.failedPercent > 0)
    console.log(`          gateway's log: ${JSON.stringify(await world.gateway.complaints())}`);
  return run;
}

/** Judges what must hold for every run of ours: signed events of every call, and no recording missing. */
export function judgeFacts({ world, report }: Context, part: string, runs: Measured[]): void {
  const ours = runs.filter(({ system }) => system === 'ours');
  const calls = ours.reduce((sum, { ok }) => sum + ok, 0);
  const lost = ours.reduce((sum, { events }) => sum + events.missing + events.unverified, 0);
  report.judge(
    world.kind,
    `${part}: last events received and verified`,
    'all',
    `${calls - lost} of ${calls}`,
    lost === 0,
  );
  const missing = ours.reduce((sum, { recordings }) => sum + recordings.missing, 0);
  report.judge(world.kind, `${part}: recordings missing`, '0', `${missing} of ${calls}`, missing === 0);
}
