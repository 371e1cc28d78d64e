import type { MissedCaller } from '../../history/query.js';
import { withDeadline } from '../../lib/deadline.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { callbackWords, callerWords } from '../view/call-row.js';
import type { Visit } from '../visit.js';

const PAGE = 50;
const READ_TIMEOUT_MS = 10_000;

/** The queue of callers whom nobody answered, and what has left it. */
export function missedRoutes({ history, clock = Date.now }: Pick<ConsoleOptions, 'history' | 'clock'>): Route[] {
  const show = async (visit: Visit): Promise<void> => {
    const view = visit.query('view') === 'settled' ? 'settled' : 'waiting';
    const cursor = visit.query('cursor') ?? null;
    const reading = history.missedQueue({ sites: visit.siteScope, view, cursor, limit: PAGE });
    const page = await withDeadline(reading, READ_TIMEOUT_MS, 'reading the missed calls');
    const data = {
      ...page,
      view,
      // Who calls back must know for whom.
      manySites: visit.sites.length > 1,
      rows: page.callers.map((caller) => missedRow(visit, caller, clock())),
      older: page.next === null ? null : `/missed?${new URLSearchParams({ view, cursor: page.next }).toString()}`,
    };
    visit.page(visit.partial && cursor !== null ? 'parts/missed-rows' : 'missed', data);
  };
  return [{ method: 'get', path: '/missed', needs: 'calls:edit', handle: show }];
}

function missedRow(visit: Visit, missed: MissedCaller, now: number) {
  const { t, format } = visit;
  const { call, callId, forCapacity, attempts, lastAt, state, waitingSeconds, settledAt, callback } = missed;
  const { tries, lastTryAt } = missed;
  const number = call?.caller.number ?? null;
  return {
    callId,
    known: call !== null,
    caller: call ? callerWords(visit, call.caller) : t('app.unknown'),
    tel: number,
    site: missed.site ?? '',
    why: call?.lossReason ? t(`loss.${call.lossReason}`) : '',
    forCapacity,
    attempts: format.number(attempts),
    last: format.minute(lastAt),
    ago: t('missed.ago', { time: format.span((now - Date.parse(lastAt)) / 1000) }),
    waits: format.span(waitingSeconds),
    state: callback ? callbackWords(visit, callback, visit.timeZone) : t(`missed.state.${state}`),
    settled: settledAt === null || callback ? '' : format.minute(settledAt),
    tried: tries === 0 ? '' : t('missed.tried', { count: format.number(tries), time: format.minute(lastTryAt) }),
    settledBy: missed.settledBy,
  };
}
