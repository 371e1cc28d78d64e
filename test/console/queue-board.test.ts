import { describe, expect, it } from 'vitest';
import { QueueBoard } from '../../src/console/live/queue-board.js';
import type { MissedCaller, MissedQuery } from '../../src/history/query.js';
import { exampleCall } from '../redis/examples.js';

const START = Date.parse('2026-11-21T10:00:00.000Z');

const missed = (n: number, fields: Partial<MissedCaller> = {}): MissedCaller => {
  const call = exampleCall({ caller: { ...exampleCall().caller, number: `+7916${String(n).padStart(7, '0')}` } });
  const at = new Date(START).toISOString();
  const settled = { settledAt: null, settledBy: null, callback: null };
  const counted = { attempts: 1, tries: 0, lastTryAt: null, taken: null, forCapacity: false, waitingSeconds: n };
  const who = { call, callId: call.id, site: 'divan', firstAt: at, lastAt: at, state: 'waiting' } as const;
  return { ...who, ...settled, ...counted, ...fields };
};

/** A queue of so many, and what was asked of it. */
function openBoard(count = 3) {
  const asked: MissedQuery[] = [];
  const queue = Array.from({ length: count }, (_, n) => missed(n));
  const clock = { now: START };
  const away = { is: false };
  const history = {
    missedQueue: (query: MissedQuery) => {
      asked.push(query);
      if (away.is) return Promise.reject(new Error('Redis is away'));
      const from = Number(query.cursor ?? 0);
      const callers = queue.slice(from, from + query.limit);
      const next = from + query.limit < queue.length ? String(from + query.limit) : null;
      return Promise.resolve({ callers, next, waiting: queue.length, waitingForCapacity: 0 });
    },
  };
  const board = new QueueBoard({ history, clock: () => clock.now });
  return { board, queue, asked, clock, away };
}

const question = { sites: ['divan'], view: 'waiting', limit: 50, cursor: null } as const;

describe('the board of the queue', () => {
  it('reads once a second for all who look at the same of it', async () => {
    const { board, asked, clock } = openBoard();
    const looks = await Promise.all(Array.from({ length: 50 }, () => board.read(question, false)));
    expect([new Set(looks).size, asked.length]).toEqual([1, 1]);
    clock.now += 999;
    await board.read(question, false);
    expect(asked).toHaveLength(1);
    clock.now += 1;
    await board.read(question, false);
    expect(asked).toHaveLength(2);
  });

  it('mixes up neither sites, views, lengths nor pages', async () => {
    const { board, asked } = openBoard();
    const others = [
      { sites: null },
      { sites: ['shop'] },
      { view: 'settled' },
      { limit: 100 },
      { cursor: '1' },
    ] as const;
    await Promise.all([{}, ...others].map((other) => board.read({ ...question, ...other }, false)));
    expect(asked).toHaveLength(1 + others.length);
  });

  it('reads anew for who has changed something, and shows it to the others too', async () => {
    const { board, queue, asked } = openBoard();
    const before = board.read(question, false);
    queue.shift();
    expect((await board.read(question, true)).callers).toHaveLength(2);
    expect((await board.read(question, false)).callers).toHaveLength(2);
    expect([(await before).callers.length, asked.length]).toEqual([3, 2]);
  });

  it('tries again at once where a reading failed', async () => {
    const { board, away } = openBoard();
    away.is = true;
    await expect(board.read(question, false)).rejects.toThrow('Redis is away');
    away.is = false;
    expect((await board.read(question, false)).callers).toHaveLength(3);
  });

  it('has one version until something changes that the page shows', async () => {
    const { board, queue, clock } = openBoard();
    const version = async () => {
      clock.now += 60_000;
      return (await board.read(question, false)).version;
    };
    const first = await version();
    queue[0] = missed(0, { call: queue[0]?.call ?? null, callId: queue[0]?.callId ?? '', waitingSeconds: 99 });
    expect(await version(), 'later').toBe(first);
    const changes: Partial<MissedCaller>[] = [
      { taken: { by: 'olga', until: new Date(START).toISOString() } },
      { tries: 1 },
      { attempts: 2 },
      { call: exampleCall({ caller: { ...exampleCall().caller, name: 'Ivan' } }) },
      { call: null },
    ];
    const versions = new Set([first]);
    for (const change of changes) {
      queue[0] = missed(0, change);
      versions.add(await version());
    }
    expect(versions.size).toBe(1 + changes.length);
  });

  it('asks Redis for a long queue in pieces, and shows nobody twice whom a newcomer has moved', async () => {
    const { board, queue, asked } = openBoard(1_300);
    const reading = board.read({ ...question, limit: 1_200 }, false);
    queue.unshift(missed(9_999));
    const { callers, next } = await reading;
    expect(asked.map(({ cursor, limit }) => [cursor, limit])).toEqual([
      [null, 500],
      ['500', 500],
      ['1000', 200],
    ]);
    expect([callers.length, new Set(callers.map(({ callId }) => callId)).size, next]).toEqual([1_199, 1_199, '1200']);
    expect((await board.read({ ...question, limit: 5_000 }, false)).next).toBeNull();
  });
});
