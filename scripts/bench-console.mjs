// npm run bench:console [-- --calls N --rounds N --viewers N --waiting N --seconds N]: how soon the list of calls stands in
// Chromium, and what it costs that many look at the queue of missed callers (docs/console.md).
import { ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await ensureDebian('redis-server', 'chromium');
await runTypeScript('bench/console.ts', process.argv.slice(2));
