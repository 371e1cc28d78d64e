import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { CallArchive, type ArchiveFiles } from '../../src/history/archive.js';
import { SealedFiles } from '../../src/recordings/sealed-files.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { HistorySweeper } from '../../src/history/sweeper.js';
import { withoutCaller } from '../../src/call/erasure.js';
import { RedisErasure } from '../../src/redis/erasure.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisLeavingCalls } from '../../src/redis/leaving-calls.js';
import { RedisUse } from '../../src/redis/use.js';
import { openRedis } from '../support/redis.js';
import { exampleCall, exampleChange } from './examples.js';

const DAY_MS = 86_400_000;
const old = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

async function open() {
  const { link, keys, raw } = await openRedis();
  const store = new RedisCallStore(link, keys);
  const directory = await mkdtemp(join(tmpdir(), 'calltrack-history-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const files = new SealedFiles(new DiskStore(directory), null);
  const archive = new CallArchive(files);
  const history = new RedisHistory(link, keys, { countries: () => [], use: new RedisUse(link, keys) });
  const leaving = new RedisLeavingCalls(link, keys, 'me');
  const sweep = async (more: Partial<ConstructorParameters<typeof HistorySweeper>[0]> = {}) => {
    await leaving.lease();
    const options = { calls: leaving, archive: () => archive, retentionMs: () => 30 * DAY_MS, ...more };
    return new HistorySweeper(options).sweep(() => leaving.renew());
  };
  /** As if it had been written when it began. */
  const write = async (call: Call, closed = true) => {
    await store.commit(exampleChange(call, ['call.received'], { closed }));
    const [generation = '', place] = (await raw.hget(keys.call(call.id), 'place'))?.split('.') ?? [];
    const written = Buffer.alloc(6);
    written.writeUIntBE(Date.parse(call.startedAt), 0, 6);
    await raw.setrange(`${keys.history()}${generation}:0:rows`, Number(place) * 48 + 42, written);
  };
  const ids = async () => (await history.search({ sites: null, limit: 200 })).calls.map(({ id }) => id);
  const archived = async (day: string) => {
    const lines: string[] = [];
    for await (const line of archive.day(day)) lines.push((JSON.parse(line) as Call).id);
    return lines;
  };
  return { link, keys, raw, store, directory, files, archive, leaving, sweep, write, ids, archived };
}

const through = (files: ArchiveFiles): ArchiveFiles => ({
  identity: () => files.identity(),
  save: (name, content) => files.save(name, content),
  load: (name) => files.load(name),
  files: (folder) => files.files(folder),
  folders: (folder) => files.folders(folder),
});

const ended = (days: number, fields: Partial<Call> = {}): Call =>
  exampleCall({ startedAt: old(days), disposition: 'missed', lossReason: 'busy', ...fields });

describe('calls at the end of their retention', () => {
  it('leave Redis for the archive, the others stay', async () => {
    const { raw, keys, write, sweep, ids, archived } = await open();
    const [first, second, young] = [ended(40), ended(35), ended(3)];
    for (const call of [first, second, young]) await write(call);
    expect(await sweep()).toBe(2);
    expect(await ids()).toEqual([young.id]);
    expect(await raw.exists(keys.call(first.id), keys.call(second.id))).toBe(0);
    expect(await raw.zrange(keys.recentCalls(), 0, -1)).toEqual([young.id]);
    expect(await archived(first.startedAt.slice(0, 10))).toEqual([first.id]);
    expect(await archived(second.startedAt.slice(0, 10))).toEqual([second.id]);
    expect(await archived('2020-01-01')).toEqual([]);
    expect(await sweep()).toBe(0);
  });

  it('stay where the archive cannot keep them, and where it gives back something else', async () => {
    const { write, sweep, ids, files } = await open();
    const call = ended(40);
    await write(call);
    const full = new CallArchive({
      ...through(files),
      save: () => Promise.reject(new Error('ENOSPC')),
    });
    await expect(sweep({ archive: () => full })).rejects.toThrow('ENOSPC');
    const rotten = new CallArchive({
      ...through(files),
      save: (name, content) => files.save(name, content.subarray(0, content.length - 9)),
    });
    await expect(sweep({ archive: () => rotten })).rejects.toThrow();
    expect(await ids()).toEqual([call.id]);
    expect(await sweep()).toBe(1);
  });

  it('are archived again where they changed in between, once in what is read back', async () => {
    const { store, write, sweep, leaving, archive, directory, archived } = await open();
    const call = ended(40);
    await write(call);
    const calls = {
      clock: () => leaving.clock(),
      drop: (list: Parameters<RedisLeavingCalls['drop']>[0]) => leaving.drop(list),
      oldest: async (before: number, most: number) => {
        const list = await leaving.oldest(before, most);
        const changed = { ...call, tags: [{ name: 'late', by: 'x', at: call.startedAt }] };
        await store.commit(exampleChange(changed, ['recording.absent'], { first: 2, closed: true }));
        return list;
      },
    };
    expect(await sweep({ calls })).toBe(0);
    expect(await sweep()).toBe(1);
    expect(await archived(call.startedAt.slice(0, 10))).toEqual([call.id]);
    for await (const line of archive.day(call.startedAt.slice(0, 10))) expect(line).toContain('late');
    const folder = join(directory, '.history', ...call.startedAt.slice(0, 10).split('-'));
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^\d{13}-000000000000\.ndjson\.gz$/)]);
  });

  it('are archived again where their caller was forgotten in between', async () => {
    const { link, keys, write, sweep, leaving, archive } = await open();
    const call = ended(40);
    await write(call);
    const calls = {
      clock: () => leaving.clock(),
      drop: (list: Parameters<RedisLeavingCalls['drop']>[0]) => leaving.drop(list),
      oldest: async (before: number, most: number) => {
        const list = await leaving.oldest(before, most);
        const stored = { call, sequence: 1, closed: true };
        await new RedisErasure(link, keys).eraseCall(stored, withoutCaller(call, false));
        return list;
      },
    };
    expect(await sweep({ calls })).toBe(0);
    expect(await sweep()).toBe(1);
    for await (const line of archive.day(call.startedAt.slice(0, 10))) expect(line).not.toContain(call.caller.number);
  });

  it('do not bring back who was forgotten while their keeper stood still', async () => {
    const { link, keys, raw, write, sweep, archive, archived } = await open();
    const call = ended(40);
    await write(call);
    const day = call.startedAt.slice(0, 10);
    const peer = new RedisLeavingCalls(link, keys, 'a peer');
    const mine = new RedisLeavingCalls(link, keys, 'me');
    const calls = {
      clock: () => mine.clock(),
      drop: (list: Parameters<RedisLeavingCalls['drop']>[0]) => mine.drop(list),
      oldest: async (before: number, most: number) => {
        const list = await mine.oldest(before, most);
        await raw.del(keys.historySweep());
        expect(await peer.lease()).toBe(true);
        await archive.write(list, () => peer.renew());
        expect(await peer.drop(list)).toBe(1);
        const forget = () => Promise.resolve(withoutCaller(call, false));
        await archive.rewriteDay(day, call.caller.number ?? '', forget, () => peer.renew());
        await peer.release();
        return list;
      },
    };
    expect(await sweep({ calls })).toBe(0);
    expect(await archived(day)).toEqual([call.id]);
    for await (const line of archive.day(day)) expect(line).not.toContain(call.caller.number);
  });

  it('are not forgotten half by a keeper who stood still while another one went on', async () => {
    const { link, keys, raw, write, sweep, archive } = await open();
    const [call, other] = [ended(40), ended(40)].map((ended, i) => ({
      ...ended,
      caller: { ...ended.caller, number: `+7903555000${i}` },
    })) as [Call, Call];
    for (const each of [call, other]) await write(each);
    await sweep();
    const day = call.startedAt.slice(0, 10);
    const [mine, peer] = ['me', 'a peer'].map((owner) => new RedisLeavingCalls(link, keys, owner)) as [
      RedisLeavingCalls,
      RedisLeavingCalls,
    ];
    const forget = async (his: Call) => {
      await raw.del(keys.historySweep());
      await peer.lease();
      const erase = (its: Call) => Promise.resolve(withoutCaller(its, false));
      await archive.rewriteDay(day, other.caller.number ?? '', erase, () => peer.renew());
      await peer.release();
      return withoutCaller(his, false);
    };
    await mine.lease();
    expect(await archive.rewriteDay(day, call.caller.number ?? '', forget, () => mine.renew())).toBe(false);
    for await (const line of archive.day(day)) expect(line).not.toContain(other.caller.number);
  });

  it('are swept by one gateway at a time', async () => {
    const { link, keys, write, sweep, ids } = await open();
    await write(ended(40));
    expect(await new RedisLeavingCalls(link, keys, 'a peer').lease()).toBe(true);
    expect(await sweep()).toBe(0);
    expect(await ids()).toHaveLength(1);
  });

  it('wait for a call that goes on, but not for one that nobody ends', async () => {
    const { write, sweep, ids } = await open();
    const living = ended(33);
    await write(living, false);
    await write(ended(32));
    expect(await sweep()).toBe(0);
    expect(await sweep({ retentionMs: () => 25 * DAY_MS })).toBe(2);
    expect(await ids()).toEqual([]);
  });

  it('stay where the clock of one gateway is far ahead', async () => {
    const { write, sweep, ids } = await open();
    const [young, going] = [ended(3), ended(2)];
    await write(young);
    await write(going, false);
    const wall = Date.now.bind(Date);
    const ahead = vi.spyOn(Date, 'now').mockImplementation(() => wall() + 400 * DAY_MS);
    onTestFinished(() => ahead.mockRestore());
    expect(await sweep({ archive: () => null })).toBe(0);
    ahead.mockRestore();
    expect(await ids()).toHaveLength(2);
  });

  it('leave the queue of missed callers too', async () => {
    const { raw, keys, write, sweep } = await open();
    await write(ended(40));
    expect(await raw.zcard(keys.missed())).toBe(1);
    await sweep();
    expect(await raw.zcard(keys.missed())).toBe(0);
  });
});

it('a chunk goes with its last call', async () => {
  const { raw, keys, write, sweep } = await open();
  const index = `${keys.history()}1700000000000:`;
  await raw.hset(keys.historyState(), { generation: '1700000000000', version: '1' });
  await raw.set(`${index}places`, 32_767);
  await raw.set(`${index}floor`, 32_767);
  await write(ended(40, { tags: [{ name: 'callback', by: 'x', at: old(40) }] }));
  expect((await raw.keys(`${index}0:*`)).length).toBeGreaterThan(40);
  expect(await sweep()).toBe(1);
  expect(await raw.keys(`${index}0:*`)).toEqual([]);
});
