import type { PoolPolicy } from '../../src/leases/ports.js';

/** What the programs of `npm run bench:leases` tell one another. */

export const SITE = 'bench';
export const PREFIX = 'bl:';
export const KEY = 'bench-key';

/** Leases end and rest within seconds, so that a pool of some thousands serves any rate. */
export const POLICY: PoolPolicy = { lease: 1_000, maxLease: 60_000, quarantine: 500, low: 0.2, holders: 3_600_000 };

export interface ClientTask {
  redisUrl: string;
  /** Loops, each with one request under way. */
  loops: number;
  /** Over HTTP at this address; otherwise straight at the store. */
  http: string | null;
  /** Extends and releases too, as visitors do; otherwise allocates only. */
  mixed: boolean;
}

/** Since the client began. */
export interface ClientReport {
  allocated: number;
  withoutNumber: number;
}
