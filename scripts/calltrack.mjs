// npm run calltrack -- COMMAND: the command line, built when it is not; it runs in this very process.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureNodeModules } from './lib/ensure.mjs';
import { ROOT } from './lib/run.mjs';

await ensureNodeModules();
await ensureBuilt();
process.argv[1] = join(ROOT, 'dist/cli/calltrack.js');
await import(pathToFileURL(process.argv[1]).href);
