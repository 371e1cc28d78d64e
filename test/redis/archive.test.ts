import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { callerEraser } from '../../src/composition/eraser.js';
import { History } from '../../src/composition/history.js';
import { CallArchive, type ArchiveFiles } from '../../src/history/archive.js';
import { ArchiveEraser, type ErasedRecording } from '../../src/history/eraser.js';
import { newAmendmentId } from '../../src/lib/ids.js';
import { SealedFiles } from '../../src/recordings/sealed-files.js';
import { KeyRing } from '../../src/recordings/crypto/envelope.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisArchiveErasures } from '../../src/redis/archive-erasures.js';
import { RedisCallers } from '../../src/redis/callers.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisErasure } from '../../src/redis/erasure.js';
import { FakeS3 } from '../fakes/s3.js';
import { endedCall, openHouse, secretOf, type HouseOptions } from '../support/recording-house.js';
import { openRedis } from '../support/redis.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';
import { exampleCall, exampleChange } from './examples.js';

const DAY_MS = 86_400_000;
const CALLER = '+79160000001';
const ANOTHER = '+79160000002';
const K1 = { id: 'k1', secret: secretOf('a') };
const K2 = { id: 'k2', secret: secretOf('b') };
const goOn = () => Promise.resolve(true);

const callOf = (number: string, startedAt: string, fields: Partial<Call> = {}): Call =>
  exampleCall({ caller: { ...exampleCall().caller, number }, startedAt, disposition: 'missed', ...fields });

/** As the sweep hands them over. */
const leaving = (calls: readonly Call[], first = 0) =>
  calls.map((call, i) => ({ place: `1700000000000.${first + i}`, id: call.id, doc: JSON.stringify(call) }));

async function textsOf(lines: AsyncIterable<string>): Promise<Call[]> {
  const calls: Call[] = [];
  for await (const line of lines) calls.push(JSON.parse(line) as Call);
  return calls;
}

describe('an archive', () => {
  const calls = [callOf(CALLER, '2026-10-22T10:00:00.000Z'), callOf(ANOTHER, '2026-10-22T11:00:00.000Z')];

  it('is encrypted where recordings are, and readable after the key was changed', async () => {
    const directory = await tempFolder();
    const with_ = (...keys: { id: string; secret: string }[]) =>
      new CallArchive(new SealedFiles(new DiskStore(directory), keys.length > 0 ? new KeyRing(keys) : null));
    const plain = [callOf(CALLER, '2026-10-22T09:00:00.000Z')];
    await with_().write(leaving(plain), goOn);
    await with_(K1).write(leaving(calls, 1), goOn);
    const newer = [callOf(CALLER, '2026-10-22T12:00:00.000Z')];
    await with_(K2, K1).write(leaving(newer, 3), goOn);
    const found = await textsOf(with_(K2, K1).day('2026-10-22'));
    expect(found.map(({ id }) => id).toSorted()).toEqual([...plain, ...calls, ...newer].map(({ id }) => id).toSorted());
    const folder = join(directory, '.history/2026/10/22');
    const [first = '', second = '', third = ''] = (await readdir(folder)).toSorted();
    expect(gunzipSync(await readFile(join(folder, first))).toString()).toContain(CALLER);
    for (const [name, key] of [
      [second, 'k1'],
      [third, 'k2'],
    ] as const) {
      const sealed = await readFile(join(folder, name));
      expect(sealed.subarray(0, 8).toString()).toBe('CTRECENC');
      expect(sealed.toString('latin1')).toContain(key);
      expect(() => gunzipSync(sealed)).toThrow();
    }
    // A key that is gone, none at all, and a changed file: said, not passed over.
    await expect(textsOf(with_(K2).day('2026-10-22'))).rejects.toThrow('the key "k1" is not configured');
    await expect(textsOf(with_().day('2026-10-22'))).rejects.toThrow('is encrypted and no key is configured');
    const altered = await readFile(join(folder, second));
    altered[100] = (altered[100] ?? 0) ^ 1;
    await writeFile(join(folder, second), altered);
    await expect(textsOf(with_(K2, K1).day('2026-10-22'))).rejects.toThrow(`${second} cannot be read: `);
  });

  it('says which days it has, and gives the calls of one caller', async () => {
    const archive = new CallArchive(new SealedFiles(new DiskStore(await tempFolder()), new KeyRing([K1])));
    expect(await archive.days()).toEqual([]);
    const more = [callOf(CALLER, '2026-11-01T00:00:00.000Z'), callOf(CALLER, '2025-12-31T23:59:59.999Z')];
    await archive.write(leaving([...calls, ...more]), goOn);
    expect(await archive.days()).toEqual(['2025-12-31', '2026-10-22', '2026-11-01']);
    expect([await archive.has('2026-10-22'), await archive.has('2026-10-23')]).toEqual([true, false]);
    expect(await textsOf(archive.day('2026-10-22', CALLER))).toEqual([calls[0]]);
    expect(await textsOf(archive.day('2026-10-22', '+7916'))).toEqual([]);
  });

  it('keeps what left before under other places', async () => {
    const archive = new CallArchive(new SealedFiles(new DiskStore(await tempFolder()), null));
    const [first, second] = calls;
    if (!first || !second) throw new Error('no calls');
    await archive.write([{ place: '1700000000000.0', id: first.id, doc: JSON.stringify(first) }], goOn);
    // After a rebuild of the index places begin anew.
    await archive.write([{ place: '1700000000001.0', id: second.id, doc: JSON.stringify(second) }], goOn);
    expect((await textsOf(archive.day('2026-10-22'))).map(({ id }) => id)).toEqual([second.id, first.id]);
  });
});

/** Its parts, to be put together anew. */
const bound = (files: ArchiveFiles): ArchiveFiles => ({
  identity: () => files.identity(),
  files: (folder) => files.files(folder),
  folders: (folder) => files.folders(folder),
  load: (name) => files.load(name),
  save: (name, content) => files.save(name, content),
});

/** An archive, its erasures, and who works on them. */
async function openEraser(wrap: (files: ArchiveFiles) => ArchiveFiles = (files) => files) {
  const { link, keys, raw } = await openRedis();
  const sealed = new SealedFiles(new DiskStore(await tempFolder()), new KeyRing([K1]));
  const archive = new CallArchive(sealed);
  const erasures = new RedisArchiveErasures(link, keys);
  const asked: string[] = [];
  const outcomes = new Map<string, ErasedRecording['recording']>();
  const named: ArchiveFiles = { ...bound(wrap(sealed)), identity: () => Promise.resolve('disk-1') };
  const eraser = new ArchiveEraser({
    archives: [new CallArchive(named)],
    gateway: () => 'gw-1',
    erasures,
    eraseRecording: ({ id, gateway }) => {
      asked.push(id);
      return Promise.resolve({ recording: outcomes.get(id) ?? 'none', gateway, sha256: null, bytes: null });
    },
    logger: (await import('pino')).pino({ level: 'silent' }),
  });
  const add = (id = newAmendmentId()) =>
    erasures.add({ id, number: CALLER, at: '2026-11-21T12:00:00.000Z', by: 'dpo' }, 'disk-1', 'gw-1').then(() => id);
  return { link, keys, raw, archive, erasures, eraser, asked, outcomes, add };
}

const daysOfCalls = ['2026-10-20', '2026-10-21', '2026-10-22'].map((day) => [
  callOf(CALLER, `${day}T10:00:00.000Z`),
  callOf(ANOTHER, `${day}T11:00:00.000Z`),
  callOf(CALLER, `${day}T12:00:00.000Z`),
]);

describe('forgetting a caller in the archive', () => {
  it('leaves his calls as nobody’s, and all others as they are', async () => {
    const { archive, erasures, eraser, add, outcomes, raw, keys } = await openEraser();
    await archive.write(leaving(daysOfCalls.flat()), goOn);
    const [his, anothers, held] = daysOfCalls[1] ?? [];
    if (!his || !anothers || !held) throw new Error('no calls');
    outcomes.set(held.id, 'held');
    expect(await eraser.isDue()).toBe(false);
    const id = await add();
    expect(await eraser.isDue()).toBe(true);
    expect(await erasures.read(id)).toMatchObject({ archive: 'waiting', waitingFor: ['gw-1'], calls: [] });
    await eraser.run(goOn);
    const left = (await Promise.all((await archive.days()).map((day) => textsOf(archive.day(day))))).flat();
    expect(left).toHaveLength(9);
    expect(JSON.stringify(left)).not.toContain(CALLER);
    expect(left.find((call) => call.id === anothers.id)).toEqual(anothers);
    expect(left.find((call) => call.id === his.id)).toMatchObject({ disposition: 'missed', caller: { number: null } });
    const done = await erasures.read(id);
    expect(done).toMatchObject({ id, by: 'dpo', archive: 'done', waitingFor: [] });
    expect(done?.calls).toHaveLength(6);
    expect(done?.calls.filter(({ recording }) => recording === 'held').map((call) => call.id)).toEqual([held.id]);
    // The number has gone with the last archive.
    expect(JSON.stringify(await raw.hgetall(keys.archiveErasure(id)))).not.toContain(CALLER);
    expect(await eraser.isDue()).toBe(false);
  });

  it('goes on where it was broken off, and counts every call once', async () => {
    let saves = 0;
    const { archive, erasures, eraser, add, asked } = await openEraser((files) => ({
      ...bound(files),
      save: async (name, content) => {
        // The second day's file is not written the first time.
        if ((saves += 1) === 2) throw new Error('ENOSPC');
        await files.save(name, content);
      },
    }));
    await archive.write(leaving(daysOfCalls.flat()), goOn);
    const id = await add();
    await expect(eraser.run(goOn)).rejects.toThrow('ENOSPC');
    expect(await erasures.read(id)).toMatchObject({ archive: 'waiting' });
    expect(await textsOf(archive.day('2026-10-21', CALLER))).toHaveLength(2);
    let asks = 0;
    // At the whole, the second day's file and its writing, not at the third day's file.
    await eraser.run(() => Promise.resolve((asks += 1) < 4));
    expect(await erasures.read(id)).toMatchObject({ archive: 'waiting' });
    await eraser.run(goOn);
    const done = await erasures.read(id);
    expect(done).toMatchObject({ archive: 'done' });
    expect(done?.calls.map((call) => call.id).toSorted()).toEqual(
      daysOfCalls.flatMap(([first, , third]) => [first?.id, third?.id]).toSorted(),
    );
    // The first day was not looked at again; the second day's recordings were asked for twice.
    expect(asked).toHaveLength(8);
    for (const day of await archive.days()) expect(await textsOf(archive.day(day, CALLER))).toEqual([]);
  });

  it('is done in every store that has an archive', async () => {
    const { erasures, eraser, add } = await openEraser();
    await erasures.noteStore('disk-2', 'gw-2');
    const id = await add();
    await eraser.run(goOn);
    expect(await erasures.read(id)).toMatchObject({ archive: 'waiting', waitingFor: ['gw-2'] });
    expect(await eraser.isDue()).toBe(false);
    await erasures.noteDay(id, 'disk-2', '2026-10-20');
    expect(await erasures.next('disk-2')).toMatchObject({ id, number: CALLER, after: '2026-10-20' });
    await erasures.noteDay(id, 'disk-2', null);
    expect(await erasures.read(id)).toMatchObject({ archive: 'done', waitingFor: [] });
    expect(await erasures.count()).toBe(0);
  });
});

it('finds who is to be forgotten here behind hundreds whom a disk keeps due that is gone', async () => {
  const { erasures, add } = await openEraser();
  const gone = (n: number) =>
    erasures.add({ id: `gone-${n}`, number: ANOTHER, at: '2026-11-20T12:00:00.000Z', by: 'dpo' }, 'disk-gone', 'gw-9');
  await Promise.all(Array.from({ length: 600 }, (_, n) => gone(n)));
  expect(await erasures.next('disk-1')).toBeNull();
  const id = await add();
  expect(await erasures.next('disk-1')).toMatchObject({ id, number: CALLER, after: null });
});

/** What a gateway has of it: recordings, the history with its keeper, and who forgets callers. */
async function openWhole(options: HouseOptions) {
  const house = await openHouse(options);
  const { link, keys, archive, vault, logger } = house;
  const files = new SealedFiles(vault.home, vault.keys);
  const onDisk = new SealedFiles(vault.local, vault.keys);
  const config = { ...house.config, history: { archive: true, retention: 30 * DAY_MS } };
  const history = new History({
    config: () => config,
    link,
    keys,
    logger,
    recordings: {
      files,
      formerFiles: vault.remote ? [onDisk] : [],
      eraseArchived: async (call, asked) => {
        const outcome = await archive.removeOfArchived(call, asked);
        const { sha256, bytes } = call.recording;
        return { recording: outcome === 'absent' ? 'none' : outcome, gateway: call.gateway, sha256, bytes };
      },
    },
  });
  onTestFinished(() => history.stop());
  const store = new RedisCallStore(link, keys);
  const eraser = callerEraser({
    erasure: new RedisErasure(link, keys),
    callers: new RedisCallers(link, keys),
    calls: new RedisAmendments(link, keys, 'here', () => undefined),
    eraseRecordings: (...caller) => archive.removeOfCaller(...caller),
    history: history.http.history,
    archive: history,
  });
  /** A recorded call that began so long ago, written then. */
  const oldCall = async (days: number) => {
    const call = endedCall(1, { startedAt: new Date(Date.now() - days * DAY_MS).toISOString() });
    await house.record(call);
    await until('its recording is kept', () => house.worker.backlog().recordings === 0);
    await store.commit(exampleChange(call, ['call.completed'], { closed: true }));
    return call;
  };
  return { ...house, history, onDisk, store, eraser, oldCall };
}

it('a gateway finds a lost index at its start, and rebuilds it, and the queue of missed callers too', async () => {
  const { history, store, keys, link } = await openWhole({});
  const calls = Array.from({ length: 60 }, () => exampleCall({ disposition: 'missed', lossReason: 'busy' }));
  for (const call of calls) await store.commit(exampleChange(call, ['call.missed'], { closed: true }));
  const found = async () => (await history.http.history.search({ sites: ['divan'], limit: 200 })).calls.length;
  const queue = async () =>
    (await history.http.history.missedQueue({ sites: null, view: 'waiting', limit: 10 })).callers;
  expect(await queue()).toMatchObject([{ attempts: 60 }]);
  expect(await found()).toBe(60);
  await link.send(async (client) => client.del(...(await client.keys(`${keys.history()}*`))));
  expect(await found()).toBe(0);
  history.start();
  await until('all are found again', async () => (await found()) === 60);
  await until('it is ready', async () => !(await history.index.isDue()));
  await until('who waits is known again', async () => (await queue())[0]?.attempts === 60);
});

it('a caller is forgotten with the recordings of calls that only the index finds', async () => {
  const { eraser, oldCall, keys, link, archive, audit } = await openWhole({});
  const call = await oldCall(3);
  for (const key of [keys.callsOf(CALLER), keys.caller(CALLER)]) await link.send((client) => client.del(key));
  const proof = await eraser.erase(CALLER, 'dpo', null);
  expect(proof).toMatchObject({ calls: [call.id], recordings: [{ callId: call.id }] });
  expect((await archive.find(call.id, null))?.state).toBe('deleted');
  const { lines } = await audit.read({ cursor: null, limit: 10, call: call.id, sites: null });
  expect(lines).toMatchObject([{ action: 'recording.delete', who: { kind: 'key', name: 'dpo' }, site: 'divan' }]);
});

it('a caller is forgotten on the disk too that calls were archived on before the store was another', async () => {
  const whole = await openWhole({ s3: (await FakeS3.start()).config(), encryption: [K1] });
  const { history, eraser, onDisk, link, keys } = whole;
  const before = [callOf(CALLER, '2026-10-20T10:00:00.000Z'), callOf(ANOTHER, '2026-10-20T11:00:00.000Z')];
  await new CallArchive(onDisk).write(leaving(before), goOn);
  const { archive } = history.http;
  expect([await archive.days(), await archive.has('2026-10-20')]).toEqual([['2026-10-20'], true]);
  // One that left in a sweep that broke off left once more, for where calls leave now.
  const [his, anothers] = before;
  await new CallArchive(new SealedFiles(whole.vault.home, whole.vault.keys)).write(leaving(before.slice(0, 1)), goOn);
  expect(await textsOf(archive.day('2026-10-20'))).toEqual([his, anothers]);
  history.start();
  const disk = await onDisk.identity();
  await until('the disk is known', async () => link.send((client) => client.hexists(keys.historyStores(), disk)));
  const proof = await eraser.erase(CALLER, 'dpo', null);
  expect(proof).toMatchObject({ archive: 'done', archived: [his?.id] });
  for (const files of [onDisk, new SealedFiles(whole.vault.home, whole.vault.keys)])
    expect(JSON.stringify(await textsOf(new CallArchive(files).day('2026-10-20')))).not.toContain(CALLER);
  expect(await textsOf(archive.day('2026-10-20', ANOTHER))).toEqual([anothers]);
});

describe.each([
  ['disk', undefined],
  ['s3', undefined],
  ['disk', [K1]],
  ['s3', [K1]],
] as const)('a caller whose calls are in the archive (%s, keys %j)', (where, encryption) => {
  it('is forgotten there too, with his recordings, and the proof says so', async () => {
    const s3 = where === 's3' ? { s3: (await FakeS3.start()).config() } : {};
    const whole = await openWhole({ ...s3, ...(encryption && { encryption: [...encryption] }) });
    const { history, eraser, oldCall, store, keys, link, archive } = whole;
    const [gone, held, young] = [await oldCall(40), await oldCall(40), await oldCall(3)];
    const found = await archive.find(held.id, null);
    if (found?.state !== 'here') throw new Error('not here');
    await archive.setHold(found, { by: 'court', at: new Date().toISOString(), reason: 'case 1' });
    // Calls leave at the first turn, once they look as old as they are.
    const state = await link.send((client) => client.hget(keys.historyState(), 'generation'));
    const written = Buffer.alloc(6);
    written.writeUIntBE(Date.now() - 40 * DAY_MS, 0, 6);
    for (const place of [0, 1])
      await link.send((client) => client.setrange(`${keys.history()}${state ?? ''}:0:rows`, place * 48 + 42, written));
    history.start();
    await until('both have left', async () => (await store.get(held.id)) === null);
    for (const { id } of [gone, held]) whole.calls.delete(id);
    const proof = await eraser.erase(CALLER, 'dpo', null);
    expect(proof).toMatchObject({ calls: [young.id], archive: 'done', held: [held.id], away: [] });
    expect(proof.archived.toSorted()).toEqual([gone.id, held.id].toSorted());
    expect(proof.recordings.map(({ callId }) => callId).toSorted()).toEqual([gone.id, young.id].toSorted());
    const day = gone.startedAt.slice(0, 10);
    const left = await textsOf(history.http.archive.day(day));
    expect(left).toHaveLength(2);
    expect(JSON.stringify(left)).not.toContain(CALLER);
    expect(left.find(({ id }) => id === gone.id)?.recording).toMatchObject({ status: 'absent', reason: 'erased' });
    expect(left.find(({ id }) => id === held.id)?.recording).toEqual(held.recording);
    expect(await eraser.archived(proof.id)).toMatchObject({ archive: 'done' });
    // Asked for again: nothing is left.
    expect(await eraser.erase(CALLER, 'dpo', null)).toMatchObject({ calls: [], archived: [], archive: 'done' });
  });
});
