// npm run soak [-- options]: see docs/benchmarks.md, "Soak".
import { ensureBuilt, ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await ensureDebian('redis-server');
await ensureBuilt();
await runTypeScript('bench/soak/main.ts', process.argv.slice(2));
