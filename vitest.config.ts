import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const common = {
  pool: 'forks',
  // Whole calls of one stage run side by side: most of a call is waiting.
  maxConcurrency: 16,
  // No measure of anything: on a slow, shared machine a test that waits for what must come gets it, and passes.
  testTimeout: 600_000,
  hookTimeout: 600_000,
  expect: { poll: { timeout: 120_000 } },
} as const;

/** Whole gateways, engines and browsers: each file in a process of its own, in which nothing is left of another one's. */
const ALONE = ['acceptance', 'browser', 'chaos', 'media', 'sandbox'].map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    // One private redis-server for the whole run, whatever the projects; each test works under a key prefix of its own.
    globalSetup: ['test/support/redis-setup.ts'],
    // Most of a file is waiting: two at a time leave two cores idle for almost half of the run.
    maxWorkers: availableParallelism() + 1,
    projects: [
      // They run in the order of their names: the long ones first.
      { test: { ...common, name: 'alone', include: ALONE } },
      // To load the same modules anew for each of almost two hundred files took a seventh of the run.
      { test: { ...common, name: 'together', include: ['test/**/*.test.ts'], exclude: ALONE, isolate: false } },
    ],
  },
});
