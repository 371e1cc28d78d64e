import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engines, EngineOptions } from './engines.js';
import { channelCount } from './esl.js';
import { portBound } from './ports.js';
import { Program } from './processes.js';
import { drachtioTls } from './tls.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ADDRESSES = ['CALLTRACK_DRACHTIO', 'CALLTRACK_DRACHTIO_SIP', 'CALLTRACK_FREESWITCH', 'CALLTRACK_SPOOL'];

/** Whether real engines can be reached or started here. */
export function realEnginesHere(): boolean {
  return givenByAddress() || (onPath('drachtio') && onPath('freeswitch'));
}

const givenByAddress = (): boolean => ADDRESSES.every((name) => process.env[name] !== undefined);

const onPath = (name: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

export async function startRealEngines(options: EngineOptions): Promise<Engines> {
  return givenByAddress() ? engineByAddress() : await startBinaries(options);
}

/** Engines that somebody else runs: CALLTRACK_SPOOL is FreeSWITCH's recording folder as it is seen here. */
function engineByAddress(): Engines {
  const read = (name: string): string => process.env[name] ?? '';
  const at = (name: string): { host: string; port: number } => {
    const [host = '127.0.0.1', port = ''] = read(name).split(':');
    return { host, port: Number(port) };
  };
  const freeswitch = { ...at('CALLTRACK_FREESWITCH'), secret: read('CALLTRACK_FREESWITCH_SECRET') };
  return {
    kind: 'real',
    sip: at('CALLTRACK_DRACHTIO_SIP'),
    sips: { host: at('CALLTRACK_DRACHTIO_SIP').host, port: 5061 },
    drachtio: { ...at('CALLTRACK_DRACHTIO'), secret: read('CALLTRACK_DRACHTIO_SECRET') },
    freeswitch: { ...freeswitch, callbackAddress: '127.0.0.1', profile: 'calltrack' },
    spool: read('CALLTRACK_SPOOL'),
    pids: {},
    channels: () => channelCount(freeswitch),
    stop: () => Promise.resolve(),
  };
}

/** Both binaries with our own configuration, on an address of their own, in a folder that goes when they end. */
async function startBinaries(options: EngineOptions): Promise<Engines> {
  const { address } = options;
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-engines-'));
  const spool = join(folder, 'spool');
  await mkdir(spool);
  const secret = (): string => randomBytes(16).toString('hex');
  const sip = { host: address, port: 5060 };
  const drachtio = { host: address, port: 9022, secret: secret() };
  const freeswitch = { host: address, port: 8021, secret: secret() };

  const starters = { drachtio: () => startDrachtio(options, drachtio, folder), freeswitch: startFreeswitch };
  function startFreeswitch(): Program {
    const places = ['log', 'db', 'run', 'temp', 'cache', 'storage'].flatMap((name) => [`-${name}`, folder]);
    const configuration = ['-conf', join(ROOT, 'freeswitch'), ...places, '-recordings', spool];
    const env = { ...process.env, ...freeswitchEnvironment(options, freeswitch.secret, spool) };
    return new Program('freeswitch', ['-nf', '-nc', '-nonat', '-nonatmap', '-np', ...configuration], {
      cwd: folder,
      env,
    });
  }
  const programs = { drachtio: starters.drachtio(), freeswitch: starters.freeswitch() };
  const listening = {
    drachtio: () => drachtioListens(address, drachtio.port),
    freeswitch: () => freeswitchListens(address, freeswitch.port),
  };
  const stop = async (): Promise<void> => {
    await Promise.all([programs.drachtio.stop(), programs.freeswitch.stop(10_000)]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all((['drachtio', 'freeswitch'] as const).map((name) => up(programs[name], listening[name]())));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    kind: 'real',
    sip,
    sips: { host: address, port: 5061 },
    drachtio,
    freeswitch: { ...freeswitch, callbackAddress: '127.0.0.1', profile: 'calltrack' },
    spool,
    pids: { drachtio: programs.drachtio.pid, freeswitch: programs.freeswitch.pid },
    channels: () => channelCount(freeswitch),
    crash: async (name) => {
      programs[name].kill('SIGKILL');
      await programs[name].exited;
      return {
        restart: async () => {
          programs[name] = starters[name]();
          await up(programs[name], listening[name]());
        },
      };
    },
    stop,
  };
}

function startDrachtio(
  { address, verifyTls = false }: EngineOptions,
  admin: { port: number; secret: string },
  folder: string,
): Program {
  const listen = ['--contact', `sip:${address}:5060;transport=udp,tcp`, ...drachtioTls(address, 5061)];
  const control = ['--address', address, '--port', String(admin.port)];
  return new Program('drachtio', ['-f', join(ROOT, 'docker/drachtio.conf.xml'), ...listen, ...control], {
    cwd: folder,
    env: {
      ...process.env,
      DRACHTIO_SECRET: admin.secret,
      ...(verifyTls ? { DRACHTIO_TLS_VERIFY_CLIENT_CERT: '1' } : {}),
    },
  });
}

async function drachtioListens(address: string, port: number): Promise<void> {
  await Promise.all([
    portBound('udp', address, 5060),
    portBound('tcp', address, 5060),
    portBound('tcp', address, 5061),
    portBound('tcp', address, port),
  ]);
}

async function freeswitchListens(address: string, port: number): Promise<void> {
  await Promise.all([portBound('tcp', address, port), portBound('udp', address, 5080)]);
}

const up = (program: Program, listening: Promise<void>): Promise<void> => Promise.race([listening, diedEarly(program)]);

function freeswitchEnvironment(
  { address, mediaTimeoutMs, sessionsPerSecond, rtp }: EngineOptions,
  secret: string,
  spool: string,
): Record<string, string> {
  return {
    CALLTRACK_FS_SIP_IP: address,
    CALLTRACK_FS_DRACHTIO_ALLOW: `${address}/32`,
    CALLTRACK_FS_DRACHTIO: `${address}:5060`,
    CALLTRACK_FS_ESL_IP: address,
    CALLTRACK_FS_ESL_ALLOW: '127.0.0.0/8',
    CALLTRACK_FS_ESL_PASSWORD: secret,
    CALLTRACK_FS_SPOOL: spool,
    ...(rtp === undefined ? {} : { CALLTRACK_FS_RTP_IP: rtp.address, CALLTRACK_FS_EXT_RTP_IP: rtp.publicAddress }),
    ...(mediaTimeoutMs === undefined ? {} : { CALLTRACK_FS_MEDIA_TIMEOUT_MS: String(mediaTimeoutMs) }),
    ...(sessionsPerSecond === undefined ? {} : { CALLTRACK_FS_SESSIONS_PER_SECOND: String(sessionsPerSecond) }),
  };
}

async function diedEarly(program: Program): Promise<never> {
  const code = await program.exited;
  throw new Error(`an engine ended with ${code} before it was ready:\n${program.output.slice(-4000)}`);
}
