// npm run simulate:attribution [-- --seed N --visitors N]: see docs/attribution.md.
import { ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await runTypeScript('bench/simulate-attribution.ts', process.argv.slice(2));
