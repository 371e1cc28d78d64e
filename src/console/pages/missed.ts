import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Call } from '../../call/call.js';
import { MOST_WAITING, type QueuedNumber, type Turn } from '../../history/query.js';
import type { Clock } from '../../lib/clock.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import { QueueBoard, type QueueState } from '../live/queue-board.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { missedRow } from '../view/missed-row.js';
import type { Visit } from '../visit.js';
import { callOf } from './one-call.js';

const PAGE = 50;
/** Rows; a gateway serves nothing else while it draws. */
const DRAWN_AT_ONCE = 200;

/** Long enough for ringing and a talk; who has forgotten his turn holds nobody up for longer. */
const TURN_MS = 10 * 60_000;
const WRITE_TIMEOUT_MS = 5_000;

interface Desk {
  board: QueueBoard;
  now: Clock;
}

type Options = Pick<ConsoleOptions, 'history' | 'calls' | 'callbackTurns' | 'recordings' | 'clock'>;

/** The queue of callers whom nobody answered, and what has left it. */
export function missedRoutes(options: Options): Route[] {
  const { clock = Date.now } = options;
  const desk = { board: new QueueBoard(options), now: () => clock() };
  return [
    { method: 'get', path: '/missed', needs: 'calls:edit', handle: (visit) => showPage(visit, desk) },
    // What the page asks again and again by itself.
    {
      method: 'get',
      path: '/missed/now',
      needs: 'calls:edit',
      passive: true,
      handle: (visit) => showNow(visit, desk),
    },
    { method: 'post', path: '/calls/:id/turn', needs: 'calls:edit', handle: (visit) => takeTurn(visit, options) },
    { method: 'post', path: '/calls/:id/turn/end', needs: 'turns:end', handle: (visit) => endTurn(visit, options) },
  ];
}

async function showPage(visit: Visit, { board, now }: Desk): Promise<void> {
  const cursor = visit.query('cursor') ?? null;
  const question = { cursor, limit: PAGE, sites: visit.siteScope, view: viewOf(visit) } as const;
  const data = await drawQueue(visit, await board.read(question, true), now());
  if (visit.partial && cursor !== null) visit.res.type('html').send(data.drawn);
  else visit.page('missed', data);
}

/** As many as the page has on the screen; nothing where it has just that. */
async function showNow(visit: Visit, { board, now }: Desk): Promise<void> {
  if (!visit.partial) {
    visit.go('/missed');
    return;
  }
  const shown = Number(/^\d{1,4}$/.exec(visit.query('shown') ?? '')?.[0] ?? 0);
  const limit = Math.min(MOST_WAITING, Math.max(1, Math.ceil(shown / PAGE)) * PAGE);
  const question = { cursor: null, limit, sites: visit.siteScope, view: viewOf(visit) } as const;
  const state = await board.read(question, visit.query('anew') === 'yes');
  const tag = tagOf(visit, state, limit, now());
  visit.res.setHeader('ETag', tag);
  if (visit.req.get('If-None-Match') === tag) visit.res.status(304).end();
  else visit.page('parts/missed-queue', await drawQueue(visit, state, now()));
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

/** Everything that what is drawn follows from, but for the caller's own words; the minute is that of the rows. */
function tagOf(visit: Visit, { version }: QueueState, limit: number, now: number): string {
  const { user, parts, sites } = visit;
  const of = [version, limit, Math.floor(now / 60_000), user.name, user.role, parts.language, sites];
  return `W/"${createHash('sha1').update(JSON.stringify(of)).digest('base64url')}"`;
}

const viewOf = (visit: Visit) => (visit.query('view') === 'settled' ? 'settled' : 'waiting');

/** Drawn piece by piece: calls are served in between. */
async function drawQueue(visit: Visit, state: QueueState, now: number) {
  const view = viewOf(visit);
  const data = {
    ...state,
    view,
    mayEnd: visit.may('turns:end'),
    // Who calls back must know for whom.
    manySites: visit.sites.length > 1,
    older: state.next === null ? null : `/missed?${new URLSearchParams({ view, cursor: state.next }).toString()}`,
  };
  const drawn: string[] = [];
  for (let at = 0; at === 0 || at < state.callers.length; at += DRAWN_AT_ONCE) {
    if (at > 0) await nextTurn();
    const rows = state.callers.slice(at, at + DRAWN_AT_ONCE).map((caller) => missedRow(visit, caller, now));
    const isLast = at + DRAWN_AT_ONCE >= state.callers.length;
    const older = isLast ? data.older : null;
    drawn.push(visit.parts.render(visit, 'parts/missed-rows', { ...data, rows, older }));
  }
  return { ...data, drawn: drawn.join('') };
}
