// Runs vitest and counts what it says of itself.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, run } from './run.mjs';

/** `{ passed, failed, skipped }` of one vitest run. A file that could not even be loaded is one failure. */
export async function runVitest(args, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'calltrack-vitest-'));
  const file = join(folder, 'report.json');
  try {
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const { code } = await run(process.execPath, [vitest, 'run', ...reporters, ...args], { env });
    return countReport(file, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countReport(file, code) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const results = report.testResults ?? [];
  const unloaded = results.filter(
    (suite) => suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + unloaded;
  return {
    passed: report.numPassedTests,
    // vitest also fails for what no test owns: an unhandled rejection, a hook after the last test.
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

export const countLine = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
