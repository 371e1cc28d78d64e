import type { GatewayConfig } from '../../config/schema.js';
import type { ReportSource, TrunkView } from '../../http/ports.js';
import { withDeadline } from '../../lib/deadline.js';
import { capacityReport, withFarEnd, type CapacityReport } from '../../reports/capacity.js';
import type { CallCount } from '../../reports/call-counts.js';
import { lostReport, type LostRow } from '../../reports/lost.js';
import type { Limit } from '../../routing/limits.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { barsOf, CHART, heightOf, highestIn } from '../view/chart.js';
import { PERIODS, periodOf } from '../view/period.js';
import type { Visit } from '../visit.js';

const READ_TIMEOUT_MS = 20_000;
const BARS = 120;
const MOST_ROWS = 200;

type Options = Pick<ConsoleOptions, 'reports' | 'resources' | 'config' | 'clock'>;

/** Lines and trunks: use against limit, what was lost or rerouted and why, and how many channels would do. */
export function capacityRoutes(options: Options): Route[] {
  const show = async (visit: Visit): Promise<void> => {
    const data = await withDeadline(capacityView(visit, options), READ_TIMEOUT_MS, 'reading reports');
    visit.page('capacity', data);
  };
  return [{ method: 'get', path: '/capacity', needs: 'capacity', handle: show }];
}

async function capacityView(visit: Visit, { reports, resources, config, clock = Date.now }: Options) {
  const asked = periodOf(visit, clock());
  const [counts, trunks] = await Promise.all([
    reports.callCounts(asked.from, asked.to),
    resources.trunks(visit.timeZone),
  ]);
  const limits = [];
  // One after the other: a month of all limits at once would hold up the calls that share the link.
  for (const limit of reports.limits()) limits.push(await limitView(visit, { reports, limit, counts, asked }));
  return {
    period: asked.period,
    periods: Object.keys(PERIODS),
    chart: CHART,
    limits,
    trunks: trunks.map((trunk) => trunkView(visit, trunk)),
    lost: lostView(visit, counts, asked, config()),
  };
}

interface Asked {
  from: number;
  to: number;
}

interface LimitParts {
  reports: ReportSource;
  limit: Limit;
  counts: readonly CallCount[];
  asked: Asked;
}

async function limitView(visit: Visit, { reports, limit: about, counts, asked }: LimitParts) {
  const { t, format } = visit;
  const { kind, id, resource, limit } = about;
  const { from, to } = asked;
  const [peaks, traffic] = await Promise.all([reports.peaks(resource, from, to), reports.traffic(resource, from, to)]);
  const points = peaks.map(({ at, peak }) => ({ at, value: peak }));
  const values = highestIn(points, { from, to, count: BARS });
  const peak = Math.max(0, ...values);
  const most = Math.max(peak, limit ?? 0, 1);
  const hours = withFarEnd(traffic, counts, resource);
  const report = capacityReport(hours, { kind, id, limit, from, to, timeZone: visit.timeZone });
  const name = `${t(`kind.${kind}`)} ${id}`;
  const shownLimit = limit === null ? t('live.noLimit') : format.number(limit);
  return {
    name,
    limit: shownLimit,
    peak: format.number(peak),
    label: t('capacity.chart', { name, limit: shownLimit }),
    bars: barsOf(values, most),
    limitAt: limit === null ? null : heightOf(limit, most),
    full: limit !== null && peak >= limit,
    erlang: erlangWords(visit, report),
  };
}

function erlangWords({ t, format }: Visit, report: CapacityReport) {
  const { busyHour, channelsNeeded, limit, targetLoss } = report;
  const refused = busyHour ? busyHour.refusedHere + busyHour.refusedThere : 0;
  return {
    loss: format.percent(targetLoss),
    busiest: busyHour ? format.minute(busyHour.at) : '',
    offered: busyHour ? format.number(busyHour.offeredErlang) : '',
    refused: busyHour ? `${format.number(refused)} (${format.percent(busyHour.blocking)})` : '',
    needed: busyHour ? format.number(channelsNeeded) : '',
    short: busyHour !== null && limit !== null && channelsNeeded > limit,
    advice: adviceOf(t, report),
  };
}

function adviceOf(t: Visit['t'], { busyHour, channelsNeeded, limit }: CapacityReport): string {
  if (!busyHour) return t('capacity.advice.none');
  if (limit === null) return t('capacity.advice.unlimited');
  if (channelsNeeded > limit) return t('capacity.advice.more', { count: channelsNeeded - limit });
  return t(busyHour.refusedThere > 0 ? 'capacity.advice.less' : 'capacity.advice.enough');
}

function trunkView({ t }: Visit, { id, up, draining }: TrunkView) {
  return { id, up, state: t(draining ? 'live.drained' : up ? 'capacity.up' : 'live.down') };
}

function lostView(visit: Visit, counts: readonly CallCount[], { from, to }: Asked, config: GatewayConfig) {
  const { t, format } = visit;
  const known = new Set(config.sites.map(({ id }) => id));
  // Of a site that the configuration has lost only those see anything who see all.
  const seen = counts.filter(({ key }) => key[0] === 'farEnd' || visit.sees(known.has(key[1]) ? key[1] : null));
  const asked = { from, to, timeZone: visit.timeZone, bucket: 'hour', site: null, target: null } as const;
  const report = lostReport(seen, asked);
  const ofRow = (what: 'lost' | 'rerouted') => {
    const hours = (to - from) / 3_600_000;
    const values = new Array<number>(hours).fill(0);
    for (const row of report.rows) {
      const at = Math.floor((Date.parse(row.at) - from) / 3_600_000);
      values[at] = (values[at] ?? 0) + row[what];
    }
    return values;
  };
  const [lost, rerouted] = [ofRow('lost'), ofRow('rerouted')];
  const most = Math.max(1, ...lost.map((count, at) => count + (rerouted[at] ?? 0)));
  const { totals } = report;
  const shown = report.rows.slice(-MOST_ROWS).reverse();
  return {
    totals: t('capacity.totals', { ...totals }),
    lostBars: barsOf(lost, most),
    reroutedBars: barsOf(rerouted, most, lost),
    empty: report.rows.length === 0,
    rows: shown.map((row) => lostRow(visit, row)),
    more: report.rows.length - shown.length,
    most: format.number(most),
  };
}

function lostRow(visit: Visit, row: LostRow) {
  const { format } = visit;
  // A loss, or what a call was led away from: the two have names of their own.
  const overflow = visit.name('call.overflow', row.reason);
  return {
    at: format.minute(row.at),
    site: row.site,
    target: row.target,
    reason: overflow === row.reason ? visit.name('loss', row.reason) : overflow,
    lost: row.lost > 0 ? format.number(row.lost) : '',
    rerouted: row.rerouted > 0 ? format.number(row.rerouted) : '',
  };
}
