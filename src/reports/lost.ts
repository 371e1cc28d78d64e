import { localIso } from '../lib/local-time.js';
import { bucketOf, type Bucket } from './buckets.js';
import { HOUR_MS, type CallCount } from './call-counts.js';

export interface LostQuery {
  /** ms since the epoch; `to` is exclusive. */
  from: number;
  to: number;
  timeZone: string;
  bucket: Exclude<Bucket, 'minute'>;
  site: string | null;
  target: string | null;
}

export interface LostRow {
  /** Start of the hour, or the day, in the time zone asked for. */
  at: string;
  site: string;
  /** Where the call was lost, or what it was led away from; "" where nothing was dialled. */
  target: string;
  reason: string;
  lost: number;
  /** Answered by another target than the one that was full. */
  rerouted: number;
}

export interface LostReport extends Omit<LostQuery, 'from' | 'to'> {
  from: string;
  to: string;
  /** Of the site, or of all; not narrowed to the target. */
  totals: { calls: number; answered: number; lost: number; rerouted: number; rejected: number };
  rows: LostRow[];
}

/** Lost and rerouted calls by the hour or day in which they began. */
export function lostReport(counts: readonly CallCount[], query: LostQuery): LostReport {
  const totals = { calls: 0, answered: 0, lost: 0, rerouted: 0, rejected: 0 };
  const rows = new Map<string, LostRow>();
  for (const { hour, key, count } of counts) {
    if (key[0] === 'farEnd' || key[0] === 'leg' || (query.site !== null && key[1] !== query.site)) continue;
    if (key[0] === 'calls') {
      totals.calls += count;
      if (key[2] === 'answered') totals.answered += count;
      if (key[2] === 'missed') totals.lost += count;
      if (key[2] === 'rejected') totals.rejected += count;
      continue;
    }
    const [what, site, target, reason] = key;
    if (what === 'rerouted') totals.rerouted += count;
    if (query.target !== null && target !== query.target) continue;
    const at = bucketOf(hour * HOUR_MS, query.bucket, query.timeZone);
    const id = JSON.stringify([at, site, target, reason]);
    const row = rows.get(id) ?? { at, site, target, reason, lost: 0, rerouted: 0 };
    row[what] += count;
    rows.set(id, row);
  }
  // Counts come in the order of their hours, and so do the rows.
  const { timeZone } = query;
  return {
    ...query,
    from: localIso(Math.floor(query.from / HOUR_MS) * HOUR_MS, timeZone),
    to: localIso(Math.ceil(query.to / HOUR_MS) * HOUR_MS, timeZone),
    totals,
    rows: [...rows.values()],
  };
}
