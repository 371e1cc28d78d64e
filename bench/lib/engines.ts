import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { channelCount } from '../../test/support/esl.js';
import { portBound } from '../../test/support/ports.js';
import { Program } from '../../test/support/processes.js';
import { ROOT } from './places.js';

export type EngineKind = 'sandbox' | 'real';

/** drachtio-server and FreeSWITCH, or the stand-ins for both, as processes of their own. */
export interface BenchEngines {
  kind: EngineKind;
  sip: { host: string; port: number };
  drachtio: { host: string; port: number; secret: string };
  freeswitch: { host: string; port: number; secret: string; callbackAddress: string; profile: string };
  /** Where FreeSWITCH writes recordings of our calls. */
  spool: string;
  /** Where it writes those of the baselines; null on the stand-ins, which know our dialplan only. */
  baselineSpool: string | null;
  pids: Record<string, number>;
  channels(): Promise<number>;
  stop(): Promise<void>;
}

/** SIP port of the baselines' own profile in the same FreeSWITCH. */
export const BASELINE_PORT = 5090;
const DRACHTIO_PORT = 9022;
const ESL_PORT = 8021;
const STOP_MS = 10_000;

const secret = (): string => randomBytes(16).toString('hex');

interface Place {
  address: string;
  callee: string;
  /** A folder that the caller removes. */
  folder: string;
}

export async function startBenchEngines(kind: EngineKind, place: Place): Promise<BenchEngines> {
  const spool = join(place.folder, 'spool');
  await mkdir(spool, { recursive: true });
  return kind === 'real' ? await startReal(place, spool) : await startStandIns(place, spool);
}

async function startStandIns({ address, folder }: Place, spool: string): Promise<BenchEngines> {
  const drachtio = { host: address, port: DRACHTIO_PORT, secret: secret() };
  const freeswitch = { host: address, port: ESL_PORT, secret: secret() };
  const options = {
    host: address,
    drachtio: { adminPort: drachtio.port, sipPort: 5060, secret: drachtio.secret },
    freeswitch: { eslPort: freeswitch.port, sipPort: 5080, password: freeswitch.secret, maxSessions: 5000 },
    spoolDir: spool,
  };
  const env = { ...process.env, CALLTRACK_SANDBOX: JSON.stringify(options) };
  const program = new Program(process.execPath, [join(ROOT, 'dist/sandbox/main.js')], { cwd: folder, env });
  await listening(address, [program], async () => program.stop(STOP_MS));
  return {
    kind: 'sandbox',
    sip: { host: address, port: 5060 },
    drachtio,
    freeswitch: { ...freeswitch, callbackAddress: '127.0.0.1', profile: 'calltrack' },
    spool,
    baselineSpool: null,
    pids: { engines: program.pid },
    channels: () => channelCount(freeswitch),
    stop: () => program.stop(STOP_MS),
  };
}

async function startReal(place: Place, spool: string): Promise<BenchEngines> {
  const { address, folder } = place;
  const baselineSpool = join(folder, 'baseline');
  await mkdir(baselineSpool);
  const drachtio = { host: address, port: DRACHTIO_PORT, secret: secret() };
  const freeswitch = { host: address, port: ESL_PORT, secret: secret() };
  const configuration = await freeswitchConfiguration(place, baselineSpool);
  const drachtioProgram = new Program(
    'drachtio',
    [
      ...['-f', join(ROOT, 'docker/drachtio.conf.xml'), '--contact', `sip:${address}:5060;transport=udp,tcp`],
      ...['--address', address, '--port', String(drachtio.port)],
    ],
    { cwd: folder, env: { ...process.env, DRACHTIO_SECRET: drachtio.secret } },
  );
  const places = ['log', 'db', 'run', 'temp', 'cache', 'storage'].flatMap((name) => [`-${name}`, folder]);
  const freeswitchProgram = new Program(
    'freeswitch',
    ['-nf', '-nc', '-nonat', '-nonatmap', '-np', '-conf', configuration, ...places, '-recordings', spool],
    { cwd: folder, env: { ...process.env, ...freeswitchEnvironment(address, freeswitch.secret, spool) } },
  );
  const stop = async (): Promise<void> => {
    await Promise.all([drachtioProgram.stop(), freeswitchProgram.stop(STOP_MS)]);
  };
  await listening(address, [drachtioProgram, freeswitchProgram], stop);
  await portBound('udp', address, BASELINE_PORT);
  return {
    kind: 'real',
    sip: { host: address, port: 5060 },
    drachtio,
    freeswitch: { ...freeswitch, callbackAddress: '127.0.0.1', profile: 'calltrack' },
    spool,
    baselineSpool,
    pids: { drachtio: drachtioProgram.pid, freeswitch: freeswitchProgram.pid },
    channels: () => channelCount(freeswitch),
    stop,
  };
}

/** Our own FreeSWITCH configuration with the baselines' profile and dialplan added, so that one process serves all. */
async function freeswitchConfiguration({ address, callee, folder }: Place, spool: string): Promise<string> {
  const configuration = join(folder, 'freeswitch');
  await cp(join(ROOT, 'freeswitch'), configuration, { recursive: true });
  const fill = async (from: string, to: string): Promise<void> => {
    const text = await readFile(join(ROOT, 'bench/baselines', from), 'utf8');
    const values: Record<string, string> = {
      ADDRESS: address,
      CALLEE: callee,
      SPOOL: spool,
      PORT: String(BASELINE_PORT),
    };
    const filled = text.replace(/@([A-Z]+)@/g, (_all, name: string) => values[name] ?? '');
    await writeFile(join(configuration, to), filled);
  };
  await fill('profile.xml', 'sip_profiles/baseline.xml');
  await fill('dialplan.xml', 'dialplan/baseline.xml');
  await include(join(configuration, 'freeswitch.xml'), 'dialplan/calltrack.xml', 'dialplan/baseline.xml');
  const sofia = join(configuration, 'autoload_configs/sofia.conf.xml');
  await include(sofia, '../sip_profiles/calltrack.xml', '../sip_profiles/baseline.xml');
  return configuration;
}

async function include(file: string, after: string, added: string): Promise<void> {
  const line = (data: string): string => `<X-PRE-PROCESS cmd="include" data="${data}"/>`;
  const text = await readFile(file, 'utf8');
  if (!text.includes(line(after))) throw new Error(`${file} does not include ${after} as the bench expects`);
  await writeFile(file, text.replace(line(after), `${line(after)}\n${line(added)}`));
}

function freeswitchEnvironment(address: string, password: string, spool: string): Record<string, string> {
  return {
    CALLTRACK_FS_SIP_IP: address,
    CALLTRACK_FS_DRACHTIO_ALLOW: `${address}/32`,
    CALLTRACK_FS_DRACHTIO: `${address}:5060`,
    CALLTRACK_FS_ESL_IP: address,
    CALLTRACK_FS_ESL_ALLOW: '127.0.0.0/8',
    CALLTRACK_FS_ESL_PASSWORD: password,
    CALLTRACK_FS_SPOOL: spool,
    // What is measured is the engines' own end, not a limit of the configuration.
    CALLTRACK_FS_MAX_SESSIONS: '5000',
    CALLTRACK_FS_SESSIONS_PER_SECOND: '1000',
  };
}

async function listening(address: string, programs: Program[], stop: () => Promise<void>): Promise<void> {
  const died = programs.map(async (program): Promise<never> => {
    const code = await program.exited;
    throw new Error(`an engine ended with ${code} before it was ready:\n${program.output.slice(-4000)}`);
  });
  const up = Promise.all([
    portBound('udp', address, 5060),
    portBound('udp', address, 5080),
    portBound('tcp', address, DRACHTIO_PORT),
    portBound('tcp', address, ESL_PORT),
  ]);
  try {
    await Promise.race([up, ...died]);
  } catch (error) {
    await stop();
    throw error;
  }
  for (const end of died) end.catch(() => undefined);
}
