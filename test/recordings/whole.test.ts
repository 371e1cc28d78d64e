import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { CallAmender } from '../../src/call/amender.js';
import type { Call } from '../../src/call/call.js';
import { CallRegistry } from '../../src/call/registry.js';
import { RecordingHouse } from '../../src/composition/recordings.js';
import { configSchema } from '../../src/config/schema.js';
import { newAmendmentId } from '../../src/lib/ids.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisRecordings } from '../../src/redis/recordings.js';
import { FakeS3 } from '../fakes/s3.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { endedCall } from '../support/recording-house.js';
import { keptEvents, openRedis } from '../support/redis.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';
import { wavBytes } from '../support/wav-bytes.js';

const DAY_MS = 86_400_000;
/** How often the gateway looks whether the sweep is due. */
const LOOK_MS = 300_000;

/** The recordings' part of a gateway as it is composed there, on a Redis and folders of the test's own. */
async function openGatewayPart(more: Record<string, unknown> = {}) {
  const { link, keys, raw } = await openRedis();
  const folder = await tempFolder();
  const logger = pino({ level: process.env['CALLTRACK_TEST_LOG'] ?? 'silent' });
  const config = configSchema.parse({
    engines: { mode: 'sandbox' },
    trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
    routes: [{ id: 'divan', steps: [{ announce: 'silence_stream://1000' }] }],
    sites: [{ id: 'divan', defaultRoute: 'divan' }],
    recordings: {
      spool: join(folder, 'spool'),
      directory: join(folder, 'kept'),
      retention: '30d',
      minFree: '1MB',
      ...more,
    },
  });
  const store = new RedisCallStore(link, keys);
  const amender = new CallAmender({
    store: new RedisAmendments(link, keys, store.owner, () => undefined),
    living: () => null,
    endpointsFor: () => [],
    logger,
  });
  const metrics = new GatewayMetrics({ nodeDefaults: false });
  const house = new RecordingHouse({
    config: () => config,
    link,
    keys,
    calls: store,
    registry: new CallRegistry(),
    metrics,
    callers: {
      amend: async (callId, change, at = new Date().toISOString()) => {
        await amender.amend(callId, { ...change, id: newAmendmentId(), by: 'gateway', at });
      },
    },
    tell: () => Promise.resolve(),
    logger,
  });
  /** A call of so many days ago with its recording, as it stands after its end. */
  const recorded = async (days: number) => {
    const call = endedCall(1, { startedAt: new Date(Date.now() - days * DAY_MS).toISOString() });
    await mkdir(config.recordings.spool, { recursive: true });
    await writeFile(join(config.recordings.spool, `${call.id}.wav`), wavBytes(1));
    call.recording = await house.settler.settle(call, true);
    await store.commit(exampleChange(call, ['call.completed', 'recording.ready'], { closed: true }));
    return call;
  };
  const isThere = (file: string | null) =>
    access(join(config.recordings.directory, file ?? '')).then(
      () => true,
      () => false,
    );
  const facts = new RedisRecordings(link, keys);
  return { link, keys, raw, house, store, facts, metrics, recorded, isThere };
}

afterEach(() => void vi.useRealTimers());

it('removes recordings at the end of their retention, each hour, but none under a legal hold, and tells', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { link, keys, raw, house, store, metrics, recorded, isThere } = await openGatewayPart();
  await house.start();
  onTestFinished(() => house.stop());
  // The sweep at the start was this hour's.
  const swept = await until('the first sweep', async () => (await raw.keys(keys.swept('*')))[0]);
  expect(await raw.pttl(swept)).toBeGreaterThan(3_500_000);
  const [old, held, young] = [await recorded(40), await recorded(40), await recorded(20)];
  const found = await house.archive.find(held.id, null);
  if (found?.state !== 'here') throw new Error('not here');
  await house.archive.setHold(found, { by: 'lawyer', at: new Date().toISOString(), reason: 'case 1' });

  // An hour later.
  await raw.del(swept);
  vi.advanceTimersByTime(LOOK_MS);
  await until('the old one is told', async () => (await store.get(old.id))?.recording.status === 'deleted');
  await until('and gone', async () => !(await isThere(old.recording.file)));
  expect((await store.get(old.id))?.recording).toMatchObject({ status: 'deleted', reason: 'retention' });
  for (const kept of [held, young]) {
    expect(await store.get(kept.id)).toEqual(kept);
    expect(await isThere(kept.recording.file)).toBe(true);
  }
  const told = (await keptEvents({ link, keys })).filter(({ type }) => type === 'recording.deleted');
  expect(told.map(({ body }) => (JSON.parse(body) as { data: { call: { id: string } } }).data.call.id)).toEqual([
    old.id,
  ]);
  const { lines } = await until('the line in the audit log', async () => {
    const read = await house.audit.read({ cursor: null, limit: 10, call: null, sites: null });
    return read.lines.length > 0 && read;
  });
  expect(lines).toMatchObject([{ action: 'recording.delete', who: { name: 'retention' }, detail: { recordings: 1 } }]);
  expect(await metrics.render()).toContain('calltrack_recordings_deleted_total{reason="retention"} 1');

  // Once the hold is released, it goes with the next hour.
  await house.archive.setHold(found, null);
  await raw.del(swept);
  vi.advanceTimersByTime(LOOK_MS);
  await until('the held one is gone', async () => !(await isThere(held.recording.file)));
  expect(await isThere(young.recording.file)).toBe(true);
});

it('names the gateway that may have the recording of an archived call still, also where they share a store', async () => {
  const s3 = (await FakeS3.start()).config();
  const { house, facts } = await openGatewayPart({ store: 's3', s3: { ...s3, timeout: '30s' } });
  onTestFinished(() => house.stop());
  const asked = { at: new Date().toISOString(), by: 'dpo', from: null };
  const archived = (days: number, fields: Partial<Call> = {}) => {
    const startedAt = new Date(Date.now() - days * DAY_MS).toISOString();
    const recording = { ...exampleCall().recording, status: 'ready' as const, sha256: 'ab', bytes: 12 };
    return endedCall(1, { startedAt, gateway: 'gw-2', recording, ...fields });
  };
  const told = async (call: Call) => (await house.eraseArchived(call, asked)).recording;
  expect(await house.eraseArchived(archived(20), asked)).toEqual({
    recording: 'away',
    gateway: 'gw-2',
    sha256: 'ab',
    bytes: 12,
  });
  // Over is its time, or it was deleted, or none was made, or it would be here.
  expect(await told(archived(40))).toBe('none');
  const deleted = archived(20);
  await facts.noteDeletion(deleted.id, { at: asked.at, reason: 'request' });
  expect(await told(deleted)).toBe('none');
  expect(await told(archived(20, { recording: exampleCall().recording }))).toBe('none');
  expect(await told(archived(20, { gateway: 'gw-1' }))).toBe('none');
});
