// npm run chaos [-- options]: gateways are killed, Redis is restarted and the receiver fails, over 20,000 events.
import { ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await ensureDebian('redis-server');
await runTypeScript('test/chaos/main.ts', process.argv.slice(2));
