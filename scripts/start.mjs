// npm start [-- --config FILE]: the gateway, built when it is not. It runs in this very process, so that signals
// and the exit status are its own.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureNodeModules } from './lib/ensure.mjs';
import { ROOT } from './lib/run.mjs';

await ensureNodeModules();
await ensureBuilt();
process.argv[1] = join(ROOT, 'dist/main.js');
await import(pathToFileURL(process.argv[1]).href);
