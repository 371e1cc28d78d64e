import { judgeFacts, runOnce, type Context } from '../lib/context.js';
import { printHead } from '../lib/report.js';
import { residentBytes } from '../lib/usage.js';

const FIRST_CALLS = 200;
const ALL_CALLS = 2000;
const CALLS_PER_SECOND = 10;
const HOLD_MS = 1000;
/** 64 * T1 and a little: by then every SIP transaction and its timers are gone (RFC 3261 17). */
const SETTLE_MS = 35_000;
const SHORT_SETTLE_MS = 3000;
/** Two settled heaps of one idle program differ by about as much. */
const HEAP_NOISE = 0.03;
/** Pages stay with the allocator for a while, so the resident size says less. */
const RESIDENT_NOISE = 0.1;

interface Memory {
  calls: number;
  heapBytes: number;
  /** Of the heap: what V8 has compiled so far. */
  codeBytes: number;
  residentBytes: number;
}

/** Memory after 200 calls and after 2,000: heap after a forced collection of garbage, and resident size. */
export async function memory(context: Context): Promise<void> {
  const { world, report, options } = context;
  const short = options.short;
  const first = short ? CALLS_PER_SECOND * options.seconds : FIRST_CALLS;
  const all = short ? 3 * first : ALL_CALLS;
  printHead(`Memory, ${world.kind}: ${first} calls, then ${all}`);
  await world.use('ours', { inspect: true });
  const run = (calls: number) => runOnce(context, 'ours', { callsPerSecond: CALLS_PER_SECOND, calls, holdMs: HOLD_MS });
  const runs = [await run(first)];
  const before = await settled(context, first);
  runs.push(await run(all - first));
  const after = await settled(context, all);
  report.figure(world.kind, 'memory', { before, after });
  const judge = (name: string, key: 'heapBytes' | 'residentBytes', noise: number): void => {
    const grown = after[key] / before[key] - 1;
    const found = `${mb(before[key])} -> ${mb(after[key])} (${(100 * grown).toFixed(1)} %)`;
    const target = `no growth (within ${100 * noise} %)`;
    report.judge(world.kind, `${name} after ${first} and ${all} calls`, target, found, short ? null : grown <= noise);
  };
  judge('heap in use', 'heapBytes', HEAP_NOISE);
  judge('resident memory', 'residentBytes', RESIDENT_NOISE);
  const code = `${mb(before.codeBytes)} -> ${mb(after.codeBytes)}`;
  report.judge(world.kind, 'of the heap compiled code', 'stated', code, null);
  judgeFacts(context, 'memory', runs);
}

async function settled({ world, options }: Context, calls: number): Promise<Memory> {
  await new Promise((resolve) => setTimeout(resolve, options.short ? SHORT_SETTLE_MS : SETTLE_MS));
  const inspector = await world.gateway.inspector();
  const heapBytes = await inspector.settledHeapBytes();
  const codeBytes = await inspector.codeBytes();
  inspector.close();
  const memory = { calls, heapBytes, codeBytes, residentBytes: await residentBytes(world.gateway.pid) };
  console.log(
    `  after ${calls} calls: heap ${mb(heapBytes)} (${mb(codeBytes)} compiled code), resident ${mb(memory.residentBytes)}`,
  );
  return memory;
}

const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
