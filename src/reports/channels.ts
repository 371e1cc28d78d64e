import { bucketOf, type Bucket } from './buckets.js';
import type { MinutePeak } from './ports.js';
import type { TrafficHour } from './traffic.js';

export interface UseRow {
  /** Start of the minute or hour, or the day, in the time zone asked for. */
  at: string;
  /** The most channels in use at once. */
  peak: number;
  /** In force then, at the end of the bucket; null: none. */
  limit: number | null;
  /** In which all channels were taken. */
  fullMinutes: number;
}

/**
 * Use of one limit over time; buckets in which no channel was in use have no row.
 *
 * @param peaks in the order of time, as `traffic`
 */
export function useOverTime(
  peaks: readonly MinutePeak[],
  traffic: readonly TrafficHour[],
  presentLimit: number | null,
  bucket: Bucket,
  timeZone: string,
): UseRow[] {
  const told = traffic.flatMap(({ at, limit }) => (limit === undefined ? [] : [{ at, limit }]));
  const rows = new Map<string, UseRow>();
  let limit = told[0] ? told[0].limit : presentLimit;
  for (const { at, peak } of peaks) {
    for (let hour = told[0]; hour && hour.at <= at; hour = told[0]) {
      limit = hour.limit;
      told.shift();
    }
    const name = bucketOf(at, bucket, timeZone);
    const row = rows.get(name) ?? { at: name, peak: 0, limit, fullMinutes: 0 };
    row.peak = Math.max(row.peak, peak);
    row.limit = limit;
    if (limit !== null && peak >= limit) row.fullMinutes += 1;
    rows.set(name, row);
  }
  return [...rows.values()];
}
