import { judgeFacts, runOnce, type Context } from '../lib/context.js';
import type { Measured } from '../lib/measure.js';
import { printHead } from '../lib/report.js';

const AT_ONCE = 50;
const CALLS_PER_SECOND = 5;
/** Longer than the 10 s in which they all begin; 2 % of it is 25 packets. */
const HOLD_MS = 25_000;
/** Some packets are under way when a talk begins and ends. */
const LEAST_SOUND_PERCENT = 97;

/** Fifty recorded calls at once with sound both ways. */
export async function concurrency(context: Context): Promise<void> {
  const { world } = context;
  printHead(`${AT_ONCE} recorded calls at once with sound, ${world.kind}`);
  await world.use('ours');
  const run = await runOnce(context, 'ours', {
    callsPerSecond: CALLS_PER_SECOND,
    calls: AT_ONCE,
    holdMs: HOLD_MS,
    rtp: true,
  });
  judgeSound(context, `${AT_ONCE} at once`, run);
}

export function judgeSound(context: Context, part: string, run: Measured): void {
  const { world, report } = context;
  const { recordings, soundPercent, failedPercent, calls, ok } = run;
  const { caller = 0, callee = 0 } = soundPercent ?? {};
  report.figure(world.kind, part, run);
  report.judge(world.kind, `${part}: calls that went well`, 'all', `${ok} of ${calls}`, failedPercent === 0);
  const worst = `${recordings.off} of ${recordings.expected}, worst ${(100 * recordings.worst).toFixed(2)} %`;
  report.judge(world.kind, `${part}: recordings off by more than 2 %`, '0', worst, recordings.off === 0);
  const heard = `caller ${caller.toFixed(1)} %, callee ${callee.toFixed(1)} %`;
  const sounds = Math.min(caller, callee) >= LEAST_SOUND_PERCENT;
  report.judge(world.kind, `${part}: sound that arrived`, `>= ${LEAST_SOUND_PERCENT} %`, heard, sounds);
  judgeFacts(context, part, [run]);
}
