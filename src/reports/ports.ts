import type { CallCount } from './call-counts.js';
import type { PoolHour } from './pools.js';
import type { TrafficHour } from './traffic.js';

/** The most channels in use in one minute. */
export interface MinutePeak {
  /** Start of the minute, ms since the epoch. */
  at: number;
  peak: number;
}

/** What reports are made of; `redis/` keeps it for 93 days. Times are ms since the epoch, `to` is exclusive. */
export interface UseReader {
  /** Minutes in which at least one channel was in use, in order. */
  peaks(resource: string, from: number, to: number): Promise<MinutePeak[]>;
  /** The most channels in use at once, of each resource; one exchange. */
  highest(resources: readonly string[], from: number, to: number): Promise<Map<string, number>>;
  /** Hours in which anything was asked of the limit, in order; whole hours, the one that holds `from` included. */
  traffic(resource: string, from: number, to: number): Promise<TrafficHour[]>;
  /** Whole hours, the one that holds `from` included. */
  callCounts(from: number, to: number): Promise<CallCount[]>;
  /** Hours in which anything was asked of the site's pool, in order. */
  poolHours(site: string, from: number, to: number): Promise<PoolHour[]>;
}
