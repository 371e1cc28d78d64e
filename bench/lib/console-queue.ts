import { fork, type ChildProcess } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Call } from '../../src/call/call.js';
import { withDeadline } from '../../src/lib/deadline.js';
import type { RedisLink } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import { RedisMissedEntries } from '../../src/redis/missed-entries.js';
import { benchCall } from './history-calls.js';
import { HistoryFiller } from './history-fill.js';
import { percentile } from './usage.js';

/** How often a page asks (src/console/views/missed.eta). */
export const EVERY_MS = 5_000;
/** Rows that it asks for as often; for more the more seldom. */
export const ROWS = 500;
const BATCH = 100;
const START_MS = 60_000;

export interface ViewersOptions {
  url: string;
  viewers: number;
  name: string;
  password: string;
}

/** What the viewers are told. */
export interface Watch {
  /** So many of them. */
  viewers: number;
  /** Rows on the screen of each. */
  shown: number;
  seconds: number;
}

/** What they saw. */
export interface Seen {
  answers: number;
  /** Of them those that said that nothing has changed. */
  unchanged: number;
  failed: number;
  bytes: number;
  ms: number[];
}

/** The queue of missed callers under the eyes of many. */
export class QueueBench {
  readonly #filler: HistoryFiller;
  readonly #entries: RedisMissedEntries;
  #lost = 0;

  constructor(
    private readonly raw: Redis,
    keys: Keys,
    link: RedisLink,
  ) {
    this.#filler = new HistoryFiller(raw, keys);
    this.#entries = new RedisMissedEntries(link, keys);
  }

  /** So many callers are lost, each for the first time, over the last ten hours. */
  async lose(count: number): Promise<void> {
    for (let n = 0; n < count; n += BATCH) {
      const calls = Array.from({ length: Math.min(BATCH, count - n) }, () => this.#lostCall(count));
      await this.#filler.write(calls, true);
      await Promise.all(calls.map((call) => this.#queue(call)));
    }
  }

  /** Starts the viewers, has them watch in each way, and ends them. */
  async measure(options: ViewersOptions, seconds: number): Promise<object[]> {
    const child = fork(new URL('../queue-viewers.ts', import.meta.url), [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx'],
    });
    try {
      await withDeadline(told(child), START_MS, 'the log-in of the viewers');
      const figures: object[] = [];
      for (const shown of [50, 500, 5_000])
        for (const isBusy of [false, true]) {
          // Few want to see all of a long queue.
          const viewers = Math.max(1, Math.floor(options.viewers * Math.min(1, ROWS / shown)));
          figures.push(await this.#watch(child, { viewers, shown, seconds }, isBusy));
        }
      return figures;
    } finally {
      if (child.connected) child.disconnect();
    }
  }

  /** @param isBusy one more caller is lost each second */
  async #watch(child: ChildProcess, task: Watch, isBusy: boolean): Promise<object> {
    const delays = monitorEventLoopDelay({ resolution: 10 });
    const [redisBefore, before, started] = [await this.#redisMs(), process.cpuUsage(), performance.now()];
    delays.enable();
    child.send(task);
    const watching = withDeadline(told<Seen>(child), task.seconds * 1000 + START_MS, 'the viewers');
    for (let n = 0; isBusy && n < task.seconds; n += 1) await Promise.all([this.lose(1), delay(1000)]);
    const seen = await watching;
    delays.disable();
    const [{ user, system }, elapsedMs] = [process.cpuUsage(before), performance.now() - started];
    const redisMs = (await this.#redisMs()) - redisBefore;
    const round = (value: number): number => Math.round(value * 10) / 10;
    return {
      viewers: task.viewers,
      shown: task.shown,
      lostPerSecond: isBusy ? 1 : 0,
      answers: seen.answers,
      unchanged: seen.unchanged,
      failed: seen.failed,
      answerMs: {
        p50: round(percentile(seen.ms, 0.5)),
        p99: round(percentile(seen.ms, 0.99)),
        max: round(percentile(seen.ms, 1)),
      },
      kBPerSecond: round(seen.bytes / 1000 / task.seconds),
      // Of one core; what lost callers are written by is in it too.
      gatewayCpuPercent: round((user + system) / 10 / elapsedMs),
      loopHeldUpMs: { p99: round(delays.percentile(99) / 1e6), max: round(delays.max / 1e6) },
      redisCpuPercent: round((100 * redisMs) / elapsedMs),
    };
  }

  async #queue({ id, site, caller, startedAt, lossReason }: Call): Promise<void> {
    const at = Date.parse(startedAt);
    await this.#entries.put({
      site,
      number: caller.number ?? '',
      attempts: 1,
      firstAt: at,
      lastAt: at,
      callId: id,
      forCapacity: lossReason === 'destination_capacity',
    });
  }

  #lostCall(count: number): Call {
    const n = (this.#lost += 1);
    const call = benchCall(n, count, true);
    return {
      ...call,
      site: 'divan',
      startedAt: new Date(Date.now() - (count > 1 ? (36_000_000 * (n % count)) / count : 0)).toISOString(),
      caller: { ...call.caller, number: `+7916${String(n).padStart(7, '0')}` },
      disposition: 'missed',
      lossReason: n % 5 === 0 ? 'destination_capacity' : 'no_answer',
      answeredAt: null,
      tags: [],
    };
  }

  /** Processor time of Redis so far. */
  async #redisMs(): Promise<number> {
    const info = await this.raw.info('cpu');
    const of = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]) * 1000;
    return of('used_cpu_user') + of('used_cpu_sys');
  }
}

function told<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`the viewers ended with ${code ?? 'a signal'}`));
    child.once('exit', gone);
    child.once('message', (message) => {
      child.off('exit', gone);
      resolve(message as T);
    });
  });
}
