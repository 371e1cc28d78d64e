/**
 * npm run demo [-- --exit] [-- --bodies]: whole calls that one can watch, through the gateway on the stand-in engines.
 * Everything runs on loopback and is stopped at the end, each by its own pid; recordings stay under var/demo.
 */
import { parseArgs } from 'node:util';
import type { Call } from '../src/call/call.js';
import { inBackground } from '../src/lib/background.js';
import { toError } from '../src/lib/deadline.js';
import { BILLBOARD, LINE, OFFICE, OFFICE_NUMBER, READER, SHOWN } from './cast.js';
import { Checks } from './checks.js';
import { openCallsPage } from './console.js';
import { type CallReport, playScenes, recordingOf } from './scenes.js';
import { headline, say, shortPath, tellBody, tellCall, tellPhone, tellWebhook } from './story.js';
import { World } from './world.js';

const USAGE = `npm run demo                 shows four calls, then stays up for calls of your own until Ctrl-C
npm run demo -- --exit       ends by itself: status 0 only if every call did what it should; the last line is JSON
npm run demo -- --bodies     prints every webhook's body, not one of them only`;

const READER_LEASE_MS = 12 * 3_600_000;
const CHANNELS_FREE_MS = 5000;

const { values: options } = parseArgs({
  options: { exit: { type: 'boolean' }, bodies: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});
if (options.help) {
  say(USAGE);
  process.exit(0);
}

const checks = new Checks();
const reports: CallReport[] = [];
let playing = true;
let ending = false;
const interrupted = new Promise<void>((resolve) => {
  const end = (): void => {
    ending = true;
    resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // Whoever read our output is gone (`| head`).
  process.stdout.on('error', end);
});

say('calltrack-gateway demo: whole calls on this machine, real SIP and RTP on loopback.');
const world = await World.create();
try {
  await Promise.race([run(world), interrupted]);
} catch (error) {
  checks.that('the demo runs to its end', false, toError(error).message);
}
say('\nStopping.');
await world.stop();
const failed = checks.failed.length;
say(`Recordings, log and webhook bodies are kept in ${shortPath(world.folder)}.`);
const done = reports.length === SHOWN.length;
const early = done ? '' : 'Ended before the last call. ';
const wrong = failed === 0 ? 'all right.' : `${failed} WRONG:\n  ${checks.failed.join('\n  ')}`;
say(`${early}${reports.length} calls, ${checks.passed + failed} checks, ${wrong}`);
const ok = failed === 0 && (done || !options.exit);
if (options.exit) {
  const files = reports
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((report) => ({
      ...report,
      recording: report.recording && { ...report.recording, file: shortPath(report.recording.file) },
    }));
  say(JSON.stringify({ ok, calls: files, checks: { passed: checks.passed, failed: checks.failed } }));
}
process.exit(ok ? 0 : 1);

async function run(world: World): Promise<void> {
  await start(world);
  if (ending) return;
  const died = world.gateway.child.exited.then((how) => {
    throw new Error(`the gateway ${how}`);
  });
  await Promise.race([show(world), died]);
}

async function show(world: World): Promise<void> {
  tellAsItHappens(world);
  await playScenes(world, checks, reports);
  playing = false;
  await checkWhatIsLeft(world);
  await checkConsole(world);
  if (options.exit) {
    tellConsole(world);
    return;
  }
  await tellHowToCall(world);
  await interrupted;
}

async function start(world: World): Promise<void> {
  headline('Starting');
  const [redis, receiver, phones] = await Promise.all([world.startRedis(), world.startReceiver(), world.startPhones()]);
  line('redis-server', `pid ${redis.child.pid}, ${redis.url}, private to the demo`);
  line('webhooks', `received at ${receiver.url}, verified with the standardwebhooks package`);
  line('phones', `pid ${phones.child.pid}: callers, ${OFFICE} and ${LINE}; each speaks a tone of its own`);
  const gateway = await world.startGateway();
  if (ending) return;
  line('gateway', `pid ${gateway.child.pid}, as \`npm start\` runs it, configuration ${shortPath(world.configFile)}`);
  line('', `SIP ${gateway.sip} (UDP and TCP), HTTP ${gateway.url}`);
  line('engines', `STAND-INS, started by the gateway (engines.mode: sandbox). They say:`);
  line('', `"${gateway.engineNotice}"`);
  say(
    `\n    Route of the site: ${OFFICE} (${OFFICE_NUMBER}, 1 channel); on overflow ${LINE} (internal line, 1 channel).`,
  );
}

function line(name: string, text: string): void {
  say(`    ${name.padEnd(14)}${text}`);
}

/** Every webhook and everything a phone does, from now to the end. */
function tellAsItHappens(world: World): void {
  const { receiver, phones } = world;
  const byNumber = new Map(SHOWN.map(({ trackingNumber, name }) => [trackingNumber, name]));
  const byCaller = new Map(SHOWN.map(({ callerNumber, name }) => [callerNumber, name]));
  phones.events.onEach((event) => tellPhone(byCaller.get(event.callerNumber) ?? 'yours', event));
  receiver.received.onEach((received) => {
    const { call } = received.event.data;
    const shown = playing ? byNumber.get(call.trackingNumber) : undefined;
    tellWebhook(shown ?? 'yours', received);
    if (options.bodies) tellBody(received);
    if (shown === undefined && receiver.isSettled(call.id)) inBackground(tellOwnCall(world, call));
  });
}

async function tellOwnCall(world: World, call: Call): Promise<void> {
  tellCall('your call', call, await recordingOf(world, call));
  say();
}

/** When all calls are over nothing of them may be left, and nothing may have gone wrong unseen. */
async function checkWhatIsLeft(world: World): Promise<void> {
  headline('Afterwards');
  await checks.section(`no channel in use (/metrics), no error in ${shortPath(world.logFile)}`, async () => {
    checks.same('channels in use', await untilChannelsAreFree(world), 0);
    const errors = world.gateway.problems('error');
    checks.that('no errors in the log', errors.length === 0, errors.map(({ msg }) => msg).join('; '));
  });
  const warnings = world.gateway.problems('warn').map(({ msg }) => msg);
  if (warnings.length > 0) say(`      warnings    ${warnings.join('; ')}`);
}

async function untilChannelsAreFree(world: World): Promise<number> {
  const deadline = Date.now() + CHANNELS_FREE_MS;
  for (;;) {
    const page = await (await world.get('/metrics')).text();
    const gauges = page.split('\n').filter((one) => one.startsWith('calltrack_channels_in_use{'));
    if (gauges.length === 0) throw new Error('/metrics shows no channels');
    const inUse = gauges.reduce((sum, one) => sum + Number(one.split(' ').at(-1)), 0);
    if (inUse === 0 || Date.now() > deadline) return inUse;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The log-in that is told at the end works, and its pages show the calls. */
async function checkConsole(world: World): Promise<void> {
  await checks.section(`the console lets "${world.login.name}" in and shows the calls`, async () => {
    const page = await openCallsPage(world.gateway.url, world.login);
    for (const { id } of reports) checks.that(`the console shows call ${id}`, page.includes(id));
  });
}

async function tellHowToCall(world: World): Promise<void> {
  const { gateway, apiKey } = world;
  await world.pool.lend(READER, READER_LEASE_MS);
  const uri = `sip:${READER.trackingNumber}@${gateway.sip}`;
  const [host = '', port = ''] = gateway.sip.split(':');
  headline('It stays up. Call it yourself; Ctrl-C ends everything');
  line('SIP', `${gateway.sip}, UDP and TCP, G.711, from this machine, no registration and no password`);
  line(
    'numbers',
    `${READER.trackingNumber} (lent to "${READER.visitor?.id ?? ''}"), ${BILLBOARD.trackingNumber} (the billboard's)`,
  );
  line('our phone', `npx tsx demo/call.ts ${uri}`);
  line('softphone', `call ${uri}`);
  line('SIPp', `sipp -sn uac -s ${READER.trackingNumber} -m 1 -d 3000 -i ${host} ${host}:${port}`);
  say(
    `\n    ${OFFICE} picks up after a second; a second call at the same time goes to ${LINE}, a third one is lost.\n`,
  );
  line('health', `curl ${gateway.url}/healthz ; curl ${gateway.url}/readyz`);
  line('metrics', `curl ${gateway.url}/metrics`);
  line('calls', `curl -H 'Authorization: Bearer ${apiKey}' '${gateway.url}/v1/calls?limit=5'`);
  line('events', `curl -H 'Authorization: Bearer ${apiKey}' '${gateway.url}/v1/events?limit=5'`);
  line('Redis', `redis-cli -u ${world.redis.url} keys 'ct:*'`);
  line('recordings', shortPath(world.recordings));
  line('bodies', `${shortPath(world.bodiesFile)} (every webhook as received, one a line)`);
  line('log', shortPath(world.logFile));
  tellConsole(world);
}

/** Last of all: where people work, and how they get in. */
function tellConsole({ gateway, login }: World): void {
  say('');
  line('console', `${gateway.url}/  log in as "${login.name}" with the password "${login.password}"`);
}
