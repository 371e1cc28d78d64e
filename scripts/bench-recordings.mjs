// npm run bench:recordings: see docs/benchmarks.md.
import { ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await ensureDebian('redis-server');
await runTypeScript('bench/recordings.ts', process.argv.slice(2));
