// npm run chaos [-- --events N --seed N --gateways N --appendfsync always|everysec]
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.js';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    gateways: { type: 'string', default: '3' },
    appendfsync: { type: 'string', default: 'always' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log('npm run chaos [-- --events N --seed N --gateways N --appendfsync always|everysec]');
  process.exit(0);
}
const startedAt = Date.now();
const log = (line: string): void =>
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}`);
const [events, seed, gateways] = [Number(values.events), Number(values.seed), Number(values.gateways)];
const appendfsync = values.appendfsync === 'everysec' ? 'everysec' : 'always';
log(`seed ${seed}, ${gateways} gateways, ${events} events, appendfsync ${appendfsync}`);
const result = await runChaos({ events, seed, gateways, appendfsync, everyMs: 3_000, settleMs: 300_000, log });
const { missing, unfounded, disordered, unverified } = result;
console.log(JSON.stringify({ seed, ...result }));
const good = missing.length + unfounded.length + disordered.length + unverified === 0;
console.log(
  good ? 'Every event arrived, none without its change, each call in order.' : 'Events were lost or disordered.',
);
process.exit(good ? 0 : 1);
