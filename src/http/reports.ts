import type { Router, Request } from 'express';
import { systemClock, type Clock } from '../lib/clock.js';
import { withDeadline } from '../lib/deadline.js';
import type { Limit } from '../routing/limits.js';
import { capacityReport, TARGET_LOSS, withFarEnd } from '../reports/capacity.js';
import { useOverTime } from '../reports/channels.js';
import { lostReport } from '../reports/lost.js';
import { DEFAULT_CHANCE, poolReport } from '../reports/pools.js';
import { operatorsReport } from '../reports/operators.js';
import { localIso } from '../lib/local-time.js';
import { requireScope } from './auth.js';
import type { ReportSource } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { readReportQuery, type ReportQuery } from './report-query.js';
import { exactRouter } from './router.js';

/** A quarter of a year of every limit is some MB. */
const READ_TIMEOUT_MS = 20_000;

/** `/v1/reports`: what was lost and why, what was in use, and what would have been enough. */
export function reportsRouter(source: ReportSource, clock: Clock = systemClock): Router {
  const router = exactRouter();
  const report = (path: string, build: (req: Request) => Promise<unknown>) => {
    router
      .route(path)
      .get(requireScope('reports:read'), async (req, res) => {
        res.json(await withDeadline(build(req), READ_TIMEOUT_MS, 'a report'));
      })
      .all(methodNotAllowed);
  };
  const common = () => ({ sites: source.sites(), now: clock() });
  report('/lost', (req) => {
    const parameters = ['from', 'to', 'timezone', 'bucket', 'site', 'target'] as const;
    return lost(source, readReportQuery(req, { ...common(), parameters, buckets: ['hour', 'day'], defaultDays: 1 }));
  });
  report('/channels', (req) => {
    const parameters = ['from', 'to', 'timezone', 'bucket', 'kind', 'id'] as const;
    const buckets = ['minute', 'hour', 'day'] as const;
    return channels(source, readReportQuery(req, { ...common(), parameters, buckets, defaultDays: 1 }));
  });
  report('/capacity', (req) => {
    const parameters = ['from', 'to', 'timezone', 'kind', 'id'] as const;
    return capacity(
      source,
      clock(),
      readReportQuery(req, { ...common(), parameters, buckets: ['hour'], defaultDays: 7 }),
    );
  });
  report('/pools', (req) => {
    const parameters = ['from', 'to', 'timezone', 'site', 'chance'] as const;
    return pools(source, readReportQuery(req, { ...common(), parameters, buckets: ['hour'], defaultDays: 7 }));
  });
  report('/operators', (req) => {
    const parameters = ['from', 'to', 'timezone', 'site'] as const;
    return operators(source, readReportQuery(req, { ...common(), parameters, buckets: ['hour'], defaultDays: 1 }));
  });
  return router;
}

async function pools(source: ReportSource, query: ReportQuery): Promise<unknown> {
  const { from, to, timeZone, site } = query;
  const chance = query.chance ?? DEFAULT_CHANCE;
  const asked = (await source.pools()).filter((pool) => site === null || pool.site === site);
  const reports: unknown[] = [];
  for (const { free, ...pool } of asked) {
    const hours = await source.poolHours(pool.site, from, to);
    reports.push({ free, ...poolReport(hours, { ...pool, from, to, timeZone, chance }) });
  }
  return { ...period(query), pools: reports };
}

async function lost(source: ReportSource, query: ReportQuery): Promise<unknown> {
  const { from, to, timeZone, site, target } = query;
  const bucket = query.bucket === 'day' ? 'day' : 'hour';
  const counts = await source.callCounts(from, to);
  const { timeZone: timezone, ...report } = lostReport(counts, { from, to, timeZone, bucket, site, target });
  return { timezone, ...report };
}

async function operators(source: ReportSource, query: ReportQuery): Promise<unknown> {
  const counts = await source.callCounts(query.from, query.to);
  const rows = operatorsReport(counts, query.site === null ? null : [query.site]);
  return { ...period(query), site: query.site, rows };
}

async function channels(source: ReportSource, query: ReportQuery): Promise<unknown> {
  const { from, to, timeZone, bucket } = query;
  const limits = await eachOf(source, query, async ({ kind, id, resource, limit }) => {
    const [peaks, traffic] = await Promise.all([source.peaks(resource, from, to), source.traffic(resource, from, to)]);
    const rows = useOverTime(peaks, traffic, limit, bucket, timeZone);
    return { kind, id, limit, peak: rows.reduce((most, row) => Math.max(most, row.peak), 0), rows };
  });
  return { ...period(query), bucket, limits };
}

async function capacity(source: ReportSource, now: number, query: ReportQuery): Promise<unknown> {
  const { from, timeZone } = query;
  const to = Math.max(from, Math.min(query.to, now));
  const counts = await source.callCounts(from, to);
  const limits = await eachOf(source, query, async ({ kind, id, resource, limit }) => {
    const hours = withFarEnd(await source.traffic(resource, from, to), counts, resource);
    return capacityReport(hours, { kind, id, limit, from, to, timeZone });
  });
  return { ...period(query), targetLoss: TARGET_LOSS, limits };
}

/** One after the other: a quarter of a year of all limits at once would hold up the calls that share the link. */
async function eachOf<T>(source: ReportSource, query: ReportQuery, build: (limit: Limit) => Promise<T>): Promise<T[]> {
  const asked = source.limits().filter(({ kind, id }) => (query.kind ?? kind) === kind && (query.id ?? id) === id);
  const results: T[] = [];
  for (const limit of asked) results.push(await build(limit));
  return results;
}

const period = ({ from, to, timeZone }: ReportQuery) => ({
  from: localIso(from, timeZone),
  to: localIso(to, timeZone),
  timezone: timeZone,
});
