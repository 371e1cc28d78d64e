// npm run test:engines: the acceptance suite against the real drachtio-server and FreeSWITCH: at the addresses in
// CALLTRACK_DRACHTIO and CALLTRACK_FREESWITCH, or the binaries `drachtio` and `freeswitch` on the PATH. Where there
// are none every case counts as skipped.
import { ensureDebian, ensureNodeModules } from './lib/ensure.mjs';
import { findBinary } from './lib/run.mjs';
import { countLine, runVitest } from './lib/vitest.mjs';

await ensureNodeModules();
await ensureDebian('redis-server', 'sipp');
const byAddress = ['CALLTRACK_DRACHTIO', 'CALLTRACK_FREESWITCH'].every((name) => process.env[name] !== undefined);
if (!byAddress && (findBinary('drachtio') === undefined || findBinary('freeswitch') === undefined)) {
  console.log(
    'No real engines here (binaries drachtio and freeswitch, or addresses by environment): cases are skipped.',
  );
}
const args = process.argv.slice(2);
const counts = await runVitest(args.length > 0 ? args : ['test/acceptance'], { CALLTRACK_TEST_ENGINES: 'real' });
console.log(countLine(counts));
process.exit(counts.failed > 0 ? 1 : 0);
