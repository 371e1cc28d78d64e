// npm test: everything that CI runs, from nothing installed. The last line is `N passed, N failed, N skipped`:
// each check and the build count as one, and so does every test of vitest.
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build, ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { ROOT, run } from './lib/run.mjs';
import { countLine, runVitest } from './lib/vitest.mjs';

/** The slowest first. None reads what the build writes. */
const CHECKS = ['check:lint', 'check:types', 'check:format', 'check:dead', 'check:walls'];

const total = { passed: 0, failed: 0, skipped: 0 };

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

function count(name, passed, startedAt) {
  total[passed ? 'passed' : 'failed'] += 1;
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name} (${seconds(startedAt)})`);
}

/** With less right to the processor than the tests, which it runs beside. Its output comes in one piece. */
async function check(script) {
  const env = { PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env.PATH}` };
  const { code, output } = await run('nice', ['-n', '10', 'sh', '-c', script], { capture: true, env });
  if (code !== 0) console.log(output.trimEnd());
  return code === 0;
}

async function runChecks() {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const name of CHECKS) {
    const startedAt = Date.now();
    count(name, await check(scripts[name]), startedAt);
  }
}

async function runBuild() {
  const startedAt = Date.now();
  count('build', await build(), startedAt);
}

async function runTests(args) {
  const startedAt = Date.now();
  const tests = await runVitest(args);
  for (const key of Object.keys(total)) total[key] += tests[key];
  console.log(`tests (${seconds(startedAt)})`);
}

const startedAt = Date.now();
await ensureNodeModules();
await ensureDebian('redis-server', 'sipp', 'chromium');
console.log(`ready (${seconds(startedAt)})`);

await runBuild();
// Most of a test is waiting: the checks take no time of their own beside them.
await Promise.all([runChecks(), runTests(process.argv.slice(2))]);

console.log(`everything (${seconds(startedAt)})`);
console.log(countLine(total));
process.exit(total.failed > 0 ? 1 : 0);
