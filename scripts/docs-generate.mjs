// npm run docs:generate: writes every document that follows from the code (scripts/docs/documents.ts).
import { ensureNodeModules } from './lib/ensure.mjs';
import { runTypeScript } from './lib/run.mjs';

await ensureNodeModules();
await runTypeScript('scripts/docs/generate.ts', process.argv.slice(2));
