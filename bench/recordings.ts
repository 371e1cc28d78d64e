// npm run bench:recordings: how fast recordings are served and measured. docs/benchmarks.md tells more.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureWav } from '../src/recordings/measure.js';
import { OwnRedis } from '../test/support/redis-server.js';
import { wavHeader } from '../test/support/wav-bytes.js';
import { Nginx } from './lib/nginx.js';
import { KEY, type Served } from './lib/recording-server.js';
import { ms, ratio, Report } from './lib/report.js';
import { loadBefore } from './lib/usage.js';

const HOUR_BYTES = 3600 * 32_000;
const FIRST_BYTES = 300;
const ROUNDS = 7;
const AT_ONCE = 4;

const folder = await mkdtemp(join(tmpdir(), 'calltrack-bench-recordings-'));
const redis = await OwnRedis.start();
const children: ChildProcess[] = [];
const nginx = await Nginx.start(`root ${folder};`);
const report = new Report();
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

/** An hour of speech-like noise on both sides. */
async function writeHour(name: string): Promise<void> {
  const file = await open(name, 'w');
  const minute = Buffer.alloc(HOUR_BYTES / 60);
  for (let at = 0; at < minute.length; at += 2) minute.writeInt16LE(((at * 7919) % 20_011) - 10_005, at);
  await file.write(wavHeader(HOUR_BYTES));
  for (let n = 0; n < 60; n++) await file.write(minute);
  await file.close();
}

async function startOurs(wav: string, encrypted: boolean): Promise<Served> {
  const program = fileURLToPath(new URL('./lib/recording-server.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', program, wav, encrypted ? 'encrypted' : 'clear', redis.url],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  children.push(child);
  const [served] = (await once(child, 'message')) as [Served];
  return served;
}

interface Taken {
  firstByteMs: number;
  bytes: number;
}

function take(url: string, range?: string): Promise<Taken> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const headers = { Authorization: `Bearer ${KEY}`, ...(range === undefined ? {} : { Range: range }) };
    get(url, { agent, headers }, (answer) => {
      if (answer.statusCode !== 200 && answer.statusCode !== 206)
        reject(new Error(`${url}: ${String(answer.statusCode)}`));
      let firstByteMs = NaN;
      let bytes = 0;
      answer.on('data', (piece: Buffer) => {
        if (bytes === 0) firstByteMs = performance.now() - startedAt;
        bytes += piece.length;
      });
      answer.on('end', () => resolve({ firstByteMs, bytes }));
      answer.on('error', reject);
    }).on('error', reject);
  });
}

/** MB a second that `AT_ONCE` clients get together. */
async function throughput(url: string): Promise<number> {
  const startedAt = performance.now();
  const taken = await Promise.all(Array.from({ length: AT_ONCE }, () => take(url)));
  return taken.reduce((sum, { bytes }) => sum + bytes, 0) / 1000 / (performance.now() - startedAt);
}

async function firstByte(url: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < FIRST_BYTES; n++) {
    const start = ((n * 7919) % 3600) * 32_000;
    times.push((await take(url, `bytes=${start}-${start + 65_535}`)).firstByteMs);
  }
  return median(times);
}

async function measurePeaks(wav: string): Promise<void> {
  const startedAt = performance.now();
  const measured = await measureWav(wav);
  const points = measured?.meter.finish(['caller', 'business']).peaks[0]?.length ?? 0;
  const took = performance.now() - startedAt;
  report.figure('ours', 'peaksMs', took);
  const met = took <= 2000 && points === 36_000;
  report.judge('ours', 'waveform and SHA-256 of one hour in stereo', '<= 2 s', ms(took), met);
  const bare = performance.now();
  createHash('sha256').update(Buffer.alloc(HOUR_BYTES));
  console.log(`  beside it  SHA-256 of as many bytes alone: ${ms(performance.now() - bare)}`);
}

async function measureServing(wav: string): Promise<void> {
  const [clear, sealed] = [await startOurs(wav, false), await startOurs(wav, true)];
  const first = await firstByte(clear.url);
  report.figure('ours', 'firstByteMs', first);
  report.judge('ours', 'first byte of a range, p50', '<= 10 ms', ms(first), first <= 10);
  console.log(`  beside it  encrypted: ${ms(await firstByte(sealed.url))}`);
  if (nginx === null) {
    report.judge('ours', 'throughput against nginx', '>= 0.70 x', 'not compared: there is no nginx here', null);
    return;
  }
  const urls = { ours: clear.url, encrypted: sealed.url, nginx: `${nginx.origin}/hour.wav` };
  const speeds = { ours: [] as number[], encrypted: [] as number[], nginx: [] as number[] };
  for (const url of Object.values(urls)) await throughput(url);
  for (let round = 0; round < ROUNDS; round++)
    for (const name of ['nginx', 'ours', 'encrypted'] as const) speeds[name].push(await throughput(urls[name]));
  const against = (name: 'ours' | 'encrypted') =>
    median(speeds[name].map((speed, round) => speed / (speeds.nginx[round] ?? NaN)));
  const said = Object.entries(speeds).map(([name, values]) => `${name} ${median(values).toFixed(0)} MB/s`);
  const compared = against('ours');
  report.figure('ours', 'throughput', { ...speeds, ratio: compared, encryptedRatio: against('encrypted') });
  const met = compared >= 0.7;
  report.judge('ours', 'throughput against nginx', '>= 0.70 x', `${ratio(compared)} (${said.join(', ')})`, met);
  console.log(`  beside it  encrypted against nginx: ${ratio(against('encrypted'))}`);
}

try {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, load: loadBefore() };
  console.log(
    `${machine.cpu ?? ''}, ${machine.cores} cores, node ${machine.node}, load before ${machine.load.toFixed(2)}`,
  );
  const wav = join(folder, 'hour.wav');
  await writeHour(wav);
  await measurePeaks(wav);
  await measureServing(wav);
  report.finish(machine);
  process.exitCode = report.missed.length > 0 ? 1 : 0;
} finally {
  agent.destroy();
  await redis.kill();
  for (const child of children) child.kill('SIGTERM');
  await nginx?.stop();
  await rm(folder, { recursive: true, force: true });
}
