// npm run bench: what docs/benchmarks.md describes. Exit status 1 when a measure was missed or a run broke off.
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { findOnPath } from './lib/find.js';
import { closeOnInterrupt } from './lib/interrupt.js';
import type { EngineKind } from './lib/engines.js';
import { readOptions, type BenchOptions, type Part } from './lib/options.js';
import type { Context } from './lib/context.js';
import { Report } from './lib/report.js';
import { loadBefore } from './lib/usage.js';
import { World } from './lib/world.js';
import { concurrency } from './modes/concurrency.js';
import { latency } from './modes/latency.js';
import { memory } from './modes/memory.js';
import { rate } from './modes/rate.js';
import { recordings } from './modes/recordings.js';
import { redis } from './modes/redis.js';

const RUN: Record<Part, (context: Context) => Promise<void>> = {
  latency,
  redis,
  concurrency,
  memory,
  recordings,
  rate,
};

/** The 2,000 recordings are a measure of the real engines; the stand-ins make them when asked by name. */
function partsFor(kind: EngineKind, { parts }: BenchOptions): readonly Part[] {
  const asked = process.argv.some((argument) => argument.startsWith('--only'));
  return kind === 'real' || asked ? parts : parts.filter((part) => part !== 'recordings');
}

function kindsFor({ engines }: BenchOptions): EngineKind[] {
  const realHere = findOnPath('drachtio') && findOnPath('freeswitch');
  if (engines === 'real' && !realHere) throw new Error('No drachtio and freeswitch on the PATH.');
  if (engines !== null) return [engines];
  if (!realHere) console.log('No real engines on the PATH: the stand-ins only, without the comparison with A and P.');
  return realHere ? ['sandbox', 'real'] : ['sandbox'];
}

function about(): Record<string, unknown> {
  const [core] = cpus();
  let commit = 'unknown';
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    // not a checkout
  }
  return {
    date: new Date().toISOString(),
    commit,
    node: process.version,
    machine: `${cpus().length} x ${core?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    loadBefore: loadBefore(),
  };
}

async function runAll(kind: EngineKind, options: BenchOptions, report: Report): Promise<void> {
  const world = await World.open(kind);
  const settle = closeOnInterrupt(() => world.close());
  try {
    const systems = world.systems.filter((system) => options.systems?.includes(system) ?? true);
    for (const part of partsFor(kind, options)) await RUN[part]({ world, systems, report, options });
  } finally {
    settle();
    await world.close();
  }
}

const report = new Report();
const facts = about();
console.log(`${String(facts['machine'])}, node ${process.version}, load before ${loadBefore().toFixed(2)}`);
let broken = false;
try {
  const options = readOptions(process.argv.slice(2));
  for (const kind of kindsFor(options)) await runAll(kind, options, report);
} catch (error) {
  broken = true;
  console.error(error instanceof Error ? error.message : String(error));
}
report.finish(facts);
process.exit(broken || report.missed.length > 0 ? 1 : 0);
