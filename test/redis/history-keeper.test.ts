import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { CallArchive } from '../../src/history/archive.js';
import { ArchiveEraser } from '../../src/history/eraser.js';
import { HistoryKeeper } from '../../src/history/keeper.js';
import { MissedRestorer } from '../../src/history/missed-restorer.js';
import { IndexRebuilder } from '../../src/history/rebuilder.js';
import { HistorySweeper } from '../../src/history/sweeper.js';
import { SealedFiles } from '../../src/recordings/sealed-files.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { RedisArchiveErasures } from '../../src/redis/archive-erasures.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisHistoryIndex } from '../../src/redis/history-index.js';
import { RedisLeavingCalls } from '../../src/redis/leaving-calls.js';
import { RedisMissedEntries } from '../../src/redis/missed-entries.js';
import { RedisUse } from '../../src/redis/use.js';
import { openOwnRedis, openRedis } from '../support/redis.js';
import { tempFolder } from '../support/temp-folder.js';
import { PATIENCE_MS, until } from '../support/until.js';
import { exampleCall, exampleChange } from './examples.js';

/** A gateway's keeper of the history, whose every call is due to leave, and what it logs. */
async function openKeeper(
  redis: Pick<Awaited<ReturnType<typeof openRedis>>, 'link' | 'keys'>,
  write: CallArchive['write'] | null = null,
) {
  const { link, keys } = redis;
  const logged: string[] = [];
  const log = new Writable({
    write: (line: Buffer, _encoding, done) => {
      const { level, msg } = JSON.parse(line.toString()) as { level: number; msg: string };
      logged.push(`${level} ${msg}`);
      done();
    },
  });
  const logger = pino({ level: 'debug' }, log);
  const files = new SealedFiles(new DiskStore(await tempFolder()), null);
  const archive = new CallArchive(files);
  const erasures = new RedisArchiveErasures(link, keys);
  const calls = new RedisLeavingCalls(link, keys, 'me');
  const index = new RedisHistoryIndex(link, keys);
  const history = new RedisHistory(link, keys, { countries: () => [], use: new RedisUse(link, keys) });
  const keeper = new HistoryKeeper({
    lease: calls,
    rebuilder: new IndexRebuilder(index, logger),
    missed: new MissedRestorer(new RedisMissedEntries(link, keys), history, logger),
    eraser: new ArchiveEraser({
      archives: [archive],
      gateway: () => 'gw-1',
      erasures,
      eraseRecording: () => Promise.reject(new Error('nobody is forgotten here')),
      logger,
    }),
    sweeper: new HistorySweeper({
      calls,
      archive: () => (write ? { write } : archive),
      retentionMs: () => -60_000,
    }),
    logger,
  });
  onTestFinished(() => keeper.stop());
  const store = new RedisCallStore(link, keys);
  const end = async () => {
    const call = exampleCall({ disposition: 'missed', lossReason: 'busy' });
    await store.commit(exampleChange(call, ['call.missed'], { closed: true }));
    return call;
  };
  return { keeper, store, files, erasures, index, logged, end };
}

it('keeps calls where they cannot be archived, says so once, and gives the work back', async () => {
  const redis = await openRedis();
  const { keeper, store, logged, end } = await openKeeper(redis, () => Promise.reject(new Error('ENOSPC')));
  const call = await end();
  keeper.start();
  await until('it is logged', () => logged.includes('40 the history could not be kept'));
  expect(await redis.raw.exists(redis.keys.historySweep())).toBe(0);
  keeper.wake();
  await keeper.stop();
  expect(logged.filter((line) => line.startsWith('40'))).toHaveLength(1);
  expect(await store.get(call.id)).toEqual(call);
});

it('lets calls leave though nobody can be forgotten in an archive with a file that cannot be read', async () => {
  const { keeper, store, files, erasures, logged, end } = await openKeeper(await openRedis());
  await files.save('.history/2026/10/20/1-000000000000.ndjson.gz', Buffer.from('no gzip'));
  const about = { number: '+79160000001', at: '2026-11-21T12:00:00.000Z', by: 'dpo' };
  await erasures.add({ id: 'one', ...about }, await files.identity(), 'gw-1');
  const call = await end();
  keeper.start();
  await until('the call has left', async () => (await store.get(call.id)) === null);
  await until('it is logged', () => logged.includes('40 the history could not be kept'));
  expect(await erasures.read('one')).toMatchObject({ archive: 'waiting' });
});

it('leaves it to the gateway that is at it, and takes it over from one that has died', async () => {
  const redis = await openRedis();
  const first = await openKeeper(redis);
  const call = await first.end();
  await redis.raw.set(redis.keys.historySweep(), 'a peer', 'PX', 60_000);
  first.keeper.start();
  await first.keeper.stop();
  expect(await first.store.get(call.id)).toEqual(call);
  expect(await redis.raw.get(redis.keys.historySweep())).toBe('a peer');
  await redis.raw.del(redis.keys.historySweep());
  const second = await openKeeper(redis);
  second.keeper.start();
  await until('the call has left', async () => (await second.store.get(call.id)) === null);
  // What is asked for is done at the next look, however lately calls left.
  await second.index.ask();
  second.keeper.wake();
  await until('the index is rebuilt', async () => !(await second.index.isDue()));
});

it('keeps the work while it waits for a slow store, and leaves it where it was lost all the same', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const { raw, ...redis } = await openRedis();
  const lease = redis.keys.historySweep();
  let answer: () => void = () => undefined;
  const store = new Promise<void>((resolve) => (answer = resolve));
  const asked: boolean[] = [];
  let waits = false;
  const { keeper, end } = await openKeeper(redis, async (_calls, goOn) => {
    waits = true;
    await store;
    asked.push(await goOn());
    return asked.at(-1) ?? false;
  });
  await end();
  keeper.start();
  await until('it waits for the store', () => waits);
  await raw.pexpire(lease, 60_000);
  vi.advanceTimersByTime(20_000);
  await until('it is kept', async () => (await raw.pttl(lease)) > 60_000);
  await raw.del(lease);
  answer();
  await until('it has asked', () => asked.length > 0);
  await keeper.stop();
  expect(asked).toEqual([false]);
  expect(await raw.exists(lease)).toBe(0);
});

it('begins when Redis is there', async () => {
  const { server, ...redis } = await openOwnRedis();
  const { keeper, store, logged, end } = await openKeeper(redis);
  await server.kill();
  await until('the link is down', () => !redis.link.ready);
  keeper.start();
  await until('it is logged', () => logged.includes('20 the history could not be kept'));
  await server.up();
  await redis.link.waitUntilReady(PATIENCE_MS);
  const call = await end();
  keeper.wake();
  await until('the call has left', async () => (await store.get(call.id)) === null);
});
