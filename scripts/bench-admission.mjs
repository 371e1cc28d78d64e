// npm run bench:admission [-- options]: see docs/benchmarks.md.
import { ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await ensureDebian('redis-server');
await runTypeScript('bench/admission.ts', process.argv.slice(2));
