import { HOUR_MS } from './call-counts.js';
import type { MinutePeak } from './ports.js';
import { bucketOf, type Bucket } from './time-zone.js';
import type { TrafficHour } from './traffic.js';

export interface UseRow {
  /** Start of the minute or hour, or the day, in the time zone asked for. */
  at: string;
  /** The most channels in use at once. */
  peak: number;
  /** In force then; null: none, or not known. */
  limit: number | null;
  /** In which all channels were taken. */
  fullMinutes: number;
}

/** Use of one limit over time; buckets in which no channel was in use have no row. */
export function useOverTime(
  peaks: readonly MinutePeak[],
  traffic: readonly TrafficHour[],
  presentLimit: number | null,
  bucket: Bucket,
  timeZone: string,
): UseRow[] {
  const limits = new Map(traffic.map(({ at, limit }) => [at, limit]));
  const rows = new Map<string, UseRow>();
  let limit = traffic[0]?.limit ?? presentLimit;
  for (const { at, peak } of peaks) {
    const known = limits.get(Math.floor(at / HOUR_MS) * HOUR_MS);
    // An hour in which nobody asked anew says nothing of the limit: it was the one before.
    if (known !== undefined && known !== null) limit = known;
    const name = bucketOf(at, bucket, timeZone);
    const row = rows.get(name) ?? { at: name, peak: 0, limit, fullMinutes: 0 };
    row.peak = Math.max(row.peak, peak);
    row.limit = limit;
    if (limit !== null && peak >= limit) row.fullMinutes += 1;
    rows.set(name, row);
  }
  return [...rows.values()];
}
