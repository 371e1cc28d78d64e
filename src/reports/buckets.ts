import { localDay, localIso } from '../lib/local-time.js';

export type Bucket = 'minute' | 'hour' | 'day';

/** Into what time is cut. Days are put together of hours: how long one is depends on the place and the season. */
const LENGTH_MS = { minute: 60_000, hour: 3_600_000, day: 3_600_000 } as const satisfies Record<Bucket, number>;

/**
 * The name of the bucket that `at` falls into: the start of the minute or hour with its offset, or the day.
 * Hours are counted in whole hours of UTC; where the clocks differ from it by half an hour, so do the names.
 */
export function bucketOf(at: number, bucket: Bucket, timeZone: string): string {
  const start = Math.floor(at / LENGTH_MS[bucket]) * LENGTH_MS[bucket];
  return bucket === 'day' ? localDay(start, timeZone) : localIso(start, timeZone);
}
