import type { Call } from '../../call/call.js';
import type { MissedCaller, MissedQuery, QueuedNumber, Turn } from '../../history/query.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { callbackWords, callerWords } from '../view/call-row.js';
import type { Visit } from '../visit.js';
import { callOf } from './one-call.js';

const PAGE = 50;
const READ_TIMEOUT_MS = 10_000;

/** Of one page that draws itself anew; who has more on the screen is not at its beginning, and asks by hand. */
const MOST_SHOWN = 500;

/** Long enough for ringing and a talk; who has forgotten his turn holds nobody up for longer. */
const TURN_MS = 10 * 60_000;
const WRITE_TIMEOUT_MS = 5_000;

type Options = Pick<ConsoleOptions, 'history' | 'calls' | 'callbackTurns' | 'recordings' | 'clock'>;

/** The queue of callers whom nobody answered, and what has left it. */
export function missedRoutes(options: Options): Route[] {
  return [
    { method: 'get', path: '/missed', needs: 'calls:edit', handle: (visit) => showPage(visit, options) },
    // What the page asks again and again by itself.
    {
      method: 'get',
      path: '/missed/now',
      needs: 'calls:edit',
      passive: true,
      handle: (visit) => showNow(visit, options),
    },
    { method: 'post', path: '/calls/:id/turn', needs: 'calls:edit', handle: (visit) => takeTurn(visit, options) },
    { method: 'post', path: '/calls/:id/turn/end', needs: 'turns:end', handle: (visit) => endTurn(visit, options) },
  ];
}

async function showPage(visit: Visit, options: Options): Promise<void> {
  const cursor = visit.query('cursor') ?? null;
  const data = await queueOf(visit, options, { cursor, limit: PAGE });
  visit.page(visit.partial && cursor !== null ? 'parts/missed-rows' : 'missed', data);
}

/** As many as the page has on the screen. */
async function showNow(visit: Visit, options: Options): Promise<void> {
  if (!visit.partial) {
    visit.go('/missed');
    return;
  }
  const shown = Number(/^\d{1,4}$/.exec(visit.query('shown') ?? '')?.[0] ?? 0);
  const limit = Math.min(MOST_SHOWN, Math.max(1, Math.ceil(shown / PAGE)) * PAGE);
  visit.page('parts/missed-queue', await queueOf(visit, options, { cursor: null, limit }));
}

/** "I call him", so that nobody else does; or leaves him to the others. */
async function takeTurn(visit: Visit, options: Options): Promise<void> {
  const { callbackTurns, clock = Date.now } = options;
  const caller = queuedNumber(await callOf(visit, options));
  const until = visit.field('take') === 'yes' ? clock() + TURN_MS : null;
  const { name } = visit.user;
  const turn = await withDeadline(callbackTurns.take(caller, name, until), WRITE_TIMEOUT_MS, 'taking a turn');
  if (turn === 'gone') throw waitsNoLonger();
  if (turn !== null && turn.by !== name) throw isTaken(turn);
  answerChange(visit);
}

/** Whoever has said that he calls him has gone home, or forgotten it. */
async function endTurn(visit: Visit, options: Options): Promise<void> {
  const { callbackTurns, recordings, clock = Date.now } = options;
  const call = await callOf(visit, options);
  const whose = visit.field('by');
  const ending = callbackTurns.end(queuedNumber(call), whose);
  const turn = await withDeadline(ending, WRITE_TIMEOUT_MS, 'ending a turn');
  if (turn === 'gone') throw waitsNoLonger();
  if (turn === 'ended')
    await recordings.audit.write({
      at: new Date(clock()).toISOString(),
      action: 'turn.end',
      who: { kind: 'user', name: visit.user.name },
      from: visit.req.ip ?? null,
      call: call.id,
      site: call.site,
      detail: { whose },
    });
  // Another one than on the page: he may have said so just now.
  else if (turn !== null) throw isTaken(turn);
  answerChange(visit);
}

function queuedNumber({ site, caller }: Call): QueuedNumber {
  if (caller.number === null) throw waitsNoLonger();
  return { site, number: caller.number };
}

const waitsNoLonger = () =>
  new GatewayError('GW_ERR_CONFLICT', 'he waits no longer', { refusal: { reason: 'not_waiting' } });

const isTaken = ({ by }: Turn) =>
  new GatewayError('GW_ERR_CONFLICT', 'somebody else calls him back', { refusal: { reason: 'taken', values: { by } } });

/** The page draws itself anew after each change. */
function answerChange(visit: Visit): void {
  if (visit.partial) visit.res.status(204).end();
  else visit.go('/missed');
}

async function queueOf(visit: Visit, options: Options, asked: Pick<MissedQuery, 'cursor' | 'limit'>) {
  const { history, clock = Date.now } = options;
  const view = visit.query('view') === 'settled' ? 'settled' : 'waiting';
  const reading = history.missedQueue({ ...asked, sites: visit.siteScope, view });
  const page = await withDeadline(reading, READ_TIMEOUT_MS, 'reading the missed calls');
  return {
    ...page,
    view,
    mostShown: MOST_SHOWN,
    mayEnd: visit.may('turns:end'),
    // Who calls back must know for whom.
    manySites: visit.sites.length > 1,
    rows: page.callers.map((caller) => missedRow(visit, caller, clock())),
    older: page.next === null ? null : `/missed?${new URLSearchParams({ view, cursor: page.next }).toString()}`,
  };
}

function missedRow(visit: Visit, missed: MissedCaller, now: number) {
  const { t, format } = visit;
  const { call, callId, forCapacity, attempts, lastAt, state, waitingSeconds, settledAt, callback } = missed;
  const { tries, lastTryAt, taken } = missed;
  const number = call?.caller.number ?? null;
  const mine = taken?.by === visit.user.name;
  const turn = taken && t(mine ? 'missed.mine' : 'missed.taken', { by: taken.by, until: format.minute(taken.until) });
  return {
    // Of this caller in each drawing: that of his last call changes with the next one.
    key: [missed.site, number ?? callId, settledAt].join(' '),
    callId,
    known: call !== null,
    caller: call ? callerWords(visit, call.caller) : t('app.unknown'),
    // Who is called by somebody else is not to be called by a slip.
    tel: taken && !mine ? null : number,
    // Of a call that has left the history nobody is known by its address.
    turn: call === null ? null : { by: taken?.by ?? null, mine, words: turn },
    site: missed.site ?? '',
    why: call?.lossReason ? t(`loss.${call.lossReason}`) : '',
    forCapacity,
    attempts: format.number(attempts),
    last: format.minute(lastAt),
    ago: t('missed.ago', { time: format.span((now - Date.parse(lastAt)) / 1000) }),
    waits: format.span(waitingSeconds),
    state: turn ? turn : callback ? callbackWords(visit, callback, visit.timeZone) : t(`missed.state.${state}`),
    settled: settledAt === null || callback ? '' : format.minute(settledAt),
    tried: tries === 0 ? '' : t('missed.tried', { count: format.number(tries), time: format.minute(lastTryAt) }),
    settledBy: missed.settledBy,
  };
}
