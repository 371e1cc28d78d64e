// npm run bench [-- --calls N --engines sandbox,real --compare DIR]: see bench/README.md.
import { ensureBuilt, ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await ensureDebian('redis-server', 'sipp');
await ensureBuilt();
await runTypeScript('bench/main.ts', process.argv.slice(2));
