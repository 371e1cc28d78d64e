// npm test: everything that CI runs, from nothing installed. The last line is `N passed, N failed, N skipped`:
// each check and the build count as one, and so does every test of vitest.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { build, ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { ROOT, run } from './lib/run.mjs';
import { countLine, runVitest } from './lib/vitest.mjs';

/** The slowest first, so that the others run beside it. None of the others reads what the build writes. */
const CHECKS = ['check:lint', 'check:types', 'check:format', 'build', 'check:dead', 'check:walls'];

const total = { passed: 0, failed: 0, skipped: 0 };

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

function count(name, passed, startedAt) {
  total[passed ? 'passed' : 'failed'] += 1;
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name} (${seconds(startedAt)})`);
}

async function check(script) {
  const env = { PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env.PATH}` };
  const { code, output } = await run('sh', ['-c', script], { capture: true, env });
  if (code !== 0) console.log(output.trimEnd());
  return code === 0;
}

/** Checks are independent of each other: as many at a time as there are cores, each one's output in one piece. */
async function runChecks() {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const waiting = [...CHECKS];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const startedAt = Date.now();
      count(name, name === 'build' ? await build() : await check(scripts[name]), startedAt);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, worker));
}

const startedAt = Date.now();
await ensureNodeModules();
await ensureDebian('redis-server', 'sipp', 'chromium');
console.log(`ready (${seconds(startedAt)})`);

await runChecks();

const testsStartedAt = Date.now();
const tests = await runVitest(process.argv.slice(2));
for (const key of Object.keys(total)) total[key] += tests[key];
console.log(`tests (${seconds(testsStartedAt)}), everything (${seconds(startedAt)})`);

console.log(countLine(total));
process.exit(total.failed > 0 ? 1 : 0);
