import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Call, RecordingInfo } from '../../src/call/call.js';
import { configSchema, type S3Config } from '../../src/config/schema.js';
import { RecordingArchive } from '../../src/recordings/archive.js';
import { KeyRing } from '../../src/recordings/crypto/envelope.js';
import { policyOf } from '../../src/recordings/policy.js';
import { RecordingSettler } from '../../src/recordings/settler.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { S3Store } from '../../src/recordings/storage/s3.js';
import { Vault } from '../../src/recordings/vault.js';
import { WorkJournal } from '../../src/recordings/jobs/journal.js';
import { RecordingWorker, type WorkerDeps } from '../../src/recordings/jobs/worker.js';
import { RedisAudit } from '../../src/redis/audit.js';
import { RedisRecordings } from '../../src/redis/recordings.js';
import { exampleCall } from '../redis/examples.js';
import { openRedis } from './redis.js';
import { wavBytes } from './wav-bytes.js';

export interface HouseOptions {
  encryption?: { id: string; secret: string }[];
  s3?: S3Config;
  recordings?: Record<string, unknown>;
  worker?: Partial<WorkerDeps>;
  folder?: string;
}

export const secretOf = (letter: string): string => Buffer.alloc(32, letter).toString('base64');
const at = (ms: number): string => new Date(ms).toISOString();

/** An answered call that ended just now. */
export function endedCall(talkSeconds: number, fields: Partial<Call> = {}): Call {
  const now = Date.now();
  return exampleCall({
    startedAt: at(now - talkSeconds * 1000),
    answeredAt: at(now - talkSeconds * 1000),
    endedAt: at(now),
    durations: { ringSeconds: 0, talkSeconds, totalSeconds: talkSeconds, addedSetupMs: 1 },
    disposition: 'answered',
    ...fields,
  });
}

/** Settling, keeping and finding recordings, on a folder and a Redis of the test's own. */
export async function openHouse(options: HouseOptions = {}) {
  const { link, keys } = await openRedis();
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'calltrack-recordings-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const logger = pino({ level: process.env['CALLTRACK_TEST_LOG'] ?? 'silent' });
  const calls = new Map<string, Call>();
  const config = configSchema.parse({
    engines: { mode: 'sandbox' },
    trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
    routes: [{ id: 'divan', steps: [{ announce: 'silence_stream://1000' }] }],
    sites: [{ id: 'divan', defaultRoute: 'divan' }],
    recordings: { spool: join(folder, 'spool'), directory: join(folder, 'kept'), ...options.recordings },
  });
  const facts = new RedisRecordings(link, keys);
  const audit = new RedisAudit(link, keys, () => config.access.audit);
  const vault = new Vault({
    local: new DiskStore(config.recordings.directory),
    remote: options.s3 ? new S3Store(options.s3) : null,
    keys: options.encryption ? new KeyRing(options.encryption) : null,
  });
  const told: string[] = [];
  const worker = new RecordingWorker({
    vault,
    journal: new WorkJournal(vault.local),
    atOnce: 2,
    isDeleted: async (callId) => (await facts.deletion(callId)) !== null,
    onReplaced: (_callId, { file }) => Promise.resolve(void told.push(`now ${file.replace(/.*\./, '')}`)),
    onUpload: (result) => told.push(`upload ${result}`),
    onTranscode: (result) => told.push(`transcode ${result}`),
    onFailing: (failing) => told.push(failing ? 'failing' : 'recovered'),
    logger,
    retryMs: [20],
    ...options.worker,
  });
  onTestFinished(() => worker.stop());
  const settler = new RecordingSettler({
    spool: config.recordings.spool,
    vault,
    disk: { low: false },
    onKept: async (call, base) => {
      const { format, keepWav } = policyOf(config, call);
      const make = format === 'wav' ? null : format;
      if (make !== null || vault.remote) await worker.add({ callId: call.id, base, make, keepWav, since: Date.now() });
    },
    logger,
  });
  await settler.prepare();
  const lookup = { get: (id: string) => Promise.resolve(calls.get(id) ?? null) };
  const archive = new RecordingArchive({
    vault,
    worker,
    facts,
    calls: lookup,
    teller: { deleted: (callId, { reason }) => Promise.resolve(void told.push(`deleted ${callId} ${reason}`)) },
    audit,
  });

  /** What FreeSWITCH does, and then the end of the call. */
  async function record(call: Call, wav: Buffer = wavBytes(call.durations.talkSeconds)): Promise<RecordingInfo> {
    await spool(call, wav);
    call.recording = await settler.settle(call, true);
    calls.set(call.id, call);
    return call.recording;
  }
  const spool = (call: Call, wav: Buffer) => writeFile(join(config.recordings.spool, `${call.id}.wav`), wav);
  const kept = async () => (await readdir(config.recordings.directory, { recursive: true })).toSorted();
  return {
    config,
    folder,
    link,
    keys,
    facts,
    audit,
    vault,
    worker,
    settler,
    archive,
    calls,
    lookup,
    told,
    logger,
    record,
    spool,
    kept,
  };
}
