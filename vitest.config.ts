import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One private redis-server for the whole run; each test works under a key prefix of its own.
    globalSetup: ['test/support/redis-setup.ts'],
    pool: 'forks',
    // Whole calls of one stage run side by side: most of a call is waiting.
    maxConcurrency: 16,
    // And so is most of a file: two at a time leave two cores idle for almost half of the run.
    maxWorkers: availableParallelism() + 1,
    // No measure of anything: on a slow, shared machine a test that waits for what must come gets it, and passes.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 120_000 } },
  },
});
