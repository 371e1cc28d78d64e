import type { OperatorRow } from '../../history/query.js';
import { withDeadline } from '../../lib/deadline.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { PERIODS, periodOf } from '../view/period.js';
import type { Visit } from '../visit.js';

const READ_TIMEOUT_MS = 20_000;

/** What came to each line and number, and how it was answered. */
export function operatorRoutes({ history, clock = Date.now }: Pick<ConsoleOptions, 'history' | 'clock'>): Route[] {
  const show = async (visit: Visit): Promise<void> => {
    const { period, from, to } = periodOf(visit, clock());
    const reading = history.operators({ sites: visit.siteScope, from, to });
    const rows = await withDeadline(reading, READ_TIMEOUT_MS, 'reading the operators');
    visit.page('operators', {
      period,
      periods: Object.keys(PERIODS),
      rows: rows.map((row) => operatorRow(visit, row)),
    });
  };
  return [{ method: 'get', path: '/operators', needs: 'operators', handle: show }];
}

function operatorRow({ t, format }: Visit, row: OperatorRow) {
  const { offered, answered, missed, ringSeconds, talkSeconds } = row;
  const mean = (sum: number, count: number) => (count > 0 ? format.span(sum / count) : '');
  return {
    name: row.target,
    kind: t(`kind.${row.kind}`),
    offered: format.number(offered),
    answered: format.number(answered),
    missed: format.number(missed),
    share: answered + missed > 0 ? format.percent(answered / (answered + missed)) : '',
    shareOf100: answered + missed > 0 ? Math.round((100 * answered) / (answered + missed)) : null,
    ring: format.span(ringSeconds),
    meanRing: mean(ringSeconds, offered),
    talk: format.span(talkSeconds),
    meanTalk: mean(talkSeconds, answered),
  };
}
