// npm run demo [-- --exit]: calls one can watch, on the stand-in engines (demo/main.ts).
import { ensureBuilt, ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await ensureDebian('redis-server');
await ensureBuilt();
await runTypeScript('demo/main.ts', process.argv.slice(2));
