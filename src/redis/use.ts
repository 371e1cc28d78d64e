import type { CallCount, CallCountKey } from '../reports/call-counts.js';
import type { MinutePeak, UseReader } from '../reports/ports.js';
import type { PoolHour } from '../reports/pools.js';
import type { TrafficHour } from '../reports/traffic.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const BYTES_PER_PEAK = 3;
/** Keys read in one exchange: a day of peaks is 4 kB. */
const BATCH = 100;

/** Reads back what the scripts have kept about limits and ended calls (`UseReader` of reports/ports.ts). */
export class RedisUse implements UseReader {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async peaks(resource: string, from: number, to: number): Promise<MinutePeak[]> {
    const days = range(from, to, DAY_MS);
    const prefix = `${this.keys.channelDays(resource)}peaks:`;
    const replies = await this.#readAll(days, (pipe, day) => pipe.getBuffer(`${prefix}${day}`));
    return days
      .flatMap((day, i) => {
        const bytes = replies[i];
        return bytes instanceof Buffer ? readPeaks(day * DAY_MS, bytes) : [];
      })
      .filter(({ at }) => at + MINUTE_MS > from && at < to);
  }

  async highest(resources: readonly string[], from: number, to: number): Promise<Map<string, number>> {
    const days = range(from, to, DAY_MS);
    const keys = resources.flatMap((resource) => days.map((day) => ({ resource, day })));
    const replies = await this.#readAll(keys, (pipe, { resource, day }) =>
      pipe.getBuffer(`${this.keys.channelDays(resource)}peaks:${day}`),
    );
    const most = new Map(resources.map((resource) => [resource, 0]));
    keys.forEach(({ resource, day }, i) => {
      const bytes = replies[i];
      for (const { at, peak } of bytes instanceof Buffer ? readPeaks(day * DAY_MS, bytes) : []) {
        if (at + MINUTE_MS > from && at < to) most.set(resource, Math.max(most.get(resource) ?? 0, peak));
      }
    });
    return most;
  }

  async traffic(resource: string, from: number, to: number): Promise<TrafficHour[]> {
    const days = range(from, to, DAY_MS);
    const prefix = `${this.keys.channelDays(resource)}hours:`;
    const replies = await this.#readAll(days, (pipe, day) => pipe.hgetall(`${prefix}${day}`));
    return days
      .flatMap((day, i) => readHours(day * DAY_MS, asFields(replies[i])))
      .filter(({ at }) => at + HOUR_MS > from && at < to);
  }

  async poolHours(site: string, from: number, to: number): Promise<PoolHour[]> {
    const days = range(from, to, DAY_MS);
    const prefix = this.keys.poolHours(site);
    const replies = await this.#readAll(days, (pipe, day) => pipe.hgetall(`${prefix}${day}`));
    return days
      .flatMap((day, i) =>
        readFields(day * DAY_MS, asFields(replies[i]), (at, value) => ({
          at,
          visitors: value('a'),
          withoutNumber: value('r'),
          lentSeconds: value('ms') / 1000,
          numbers: value('n'),
          mostTaken: value('p'),
        })),
      )
      .filter(({ at }) => at + HOUR_MS > from && at < to);
  }

  async callCounts(from: number, to: number): Promise<CallCount[]> {
    const hours = range(from, to, HOUR_MS);
    const prefix = this.keys.callHours();
    const replies = await this.#readAll(hours, (pipe, hour) => pipe.hgetall(`${prefix}${hour}`));
    return hours.flatMap((hour, i) =>
      Object.entries(asFields(replies[i])).map(([key, count]) => ({
        hour,
        key: JSON.parse(key) as CallCountKey,
        count: Number(count),
      })),
    );
  }

  async #readAll<T>(
    periods: T[],
    ask: (pipe: Parameters<Parameters<RedisLink['pipeline']>[0]>[0], period: T) => void,
  ): Promise<unknown[]> {
    const replies: unknown[] = [];
    for (let i = 0; i < periods.length; i += BATCH) {
      const part = await this.link.pipeline((pipe) => {
        for (const period of periods.slice(i, i + BATCH)) ask(pipe, period);
      });
      replies.push(...part);
    }
    return replies;
  }
}

/** The periods that `from` to `to` touches, counted from the epoch. */
function range(from: number, to: number, length: number): number[] {
  const first = Math.floor(from / length);
  return Array.from({ length: Math.max(0, Math.ceil(to / length) - first) }, (_, i) => first + i);
}

function readPeaks(midnight: number, bytes: Buffer): MinutePeak[] {
  const peaks: MinutePeak[] = [];
  for (let i = 0; i + BYTES_PER_PEAK <= bytes.length; i += BYTES_PER_PEAK) {
    const peak = bytes.readUIntBE(i, BYTES_PER_PEAK);
    if (peak > 0) peaks.push({ at: midnight + (i / BYTES_PER_PEAK) * MINUTE_MS, peak });
  }
  return peaks;
}

function readHours(midnight: number, fields: Record<string, string>): TrafficHour[] {
  return readFields(midnight, fields, (at, value) => {
    const limit = value('l', NaN);
    return {
      at,
      attempts: value('a'),
      refusedHere: value('r'),
      refusedThere: 0,
      carriedSeconds: value('ms') / 1000,
      limit: Number.isNaN(limit) ? undefined : limit < 0 ? null : limit,
    };
  });
}

/** Each hour of a day's hash, in order; `value` reads a field of that hour, 0 (or `otherwise`) where it is missing. */
function readFields<T>(
  midnight: number,
  fields: Record<string, string>,
  read: (at: number, value: (name: string, otherwise?: number) => number) => T,
): T[] {
  const hours = [...new Set(Object.keys(fields).map((field) => Number(field.split(':')[0])))].sort((a, b) => a - b);
  return hours.map((hour) =>
    read(midnight + hour * HOUR_MS, (name, otherwise = 0) => Number(fields[`${hour}:${name}`] ?? otherwise)),
  );
}

const asFields = (reply: unknown): Record<string, string> =>
  typeof reply === 'object' && reply !== null ? (reply as Record<string, string>) : {};
