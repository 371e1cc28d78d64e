import { runOnce, type Context } from '../lib/context.js';
import { printHead } from '../lib/report.js';
import { judgeSound } from './concurrency.js';

const CALLS = 2000;
const CALLS_PER_SECOND = 10;
/** Sixty at once; 2 % of it is six packets. */
const HOLD_MS = 6000;

/** Two thousand recorded calls with sound, at a rate below the highest: none missing, none off. */
export async function recordings(context: Context): Promise<void> {
  const { world, options } = context;
  const calls = options.short ? CALLS_PER_SECOND * options.seconds : CALLS;
  printHead(`${calls} recorded calls with sound, ${world.kind}`);
  await world.use('ours');
  const run = await runOnce(context, 'ours', { callsPerSecond: CALLS_PER_SECOND, calls, holdMs: HOLD_MS, rtp: true });
  judgeSound(context, `${calls} recordings`, run);
}
