import type { Call } from '../../call/call.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import type { LoggedAttempt } from '../../webhooks/archive.js';
import type { EndpointView, Replayed } from '../../webhooks/desk.js';
import { demandOrder } from '../../http/query.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { momentOf } from '../view/moment.js';
import type { Visit } from '../visit.js';
import { callOf } from './one-call.js';

const TIMEOUT_MS = 10_000;
const REPLAYING_MS = 8_000;
const ATTEMPTS_SHOWN = 50;

type Options = Pick<ConsoleOptions, 'webhooks' | 'calls'>;

/** What was told to the systems of the business, and telling it again. */
export function deliveryRoutes(options: Options): Route[] {
  const { webhooks } = options;
  const again = (
    path: string,
    replay: (visit: Visit) => (after: string | null) => Promise<Replayed | null>,
  ): Route => ({
    method: 'post',
    path,
    needs: 'deliveries:replay',
    handle: async (visit) => {
      const { queued, next, goneBefore } = await replayAll(replay(visit));
      visit.go(`/deliveries?queued=${queued}${next === null ? '' : '&left=1'}${goneBefore === null ? '' : '&gone=1'}`);
    },
  });
  return [
    { method: 'get', path: '/deliveries', needs: 'deliveries', handle: (visit) => showEndpoints(visit, options) },
    again('/deliveries/:id/dead', ({ req }) => {
      return (after) => webhooks.replayDead(String(req.params['id']), after);
    }),
    again('/deliveries/range', (visit) => {
      const moment = (name: string) => momentOf(visit.field(name), visit.timeZone) ?? 0;
      const [endpoint, from, to] = [visit.field('endpoint'), moment('from'), moment('to')];
      demandOrder(from, to);
      return (after) => webhooks.replayRange(endpoint, from, to, after);
    }),
    {
      method: 'post',
      path: '/calls/:id/deliveries',
      needs: 'deliveries:replay',
      handle: async (visit) => {
        const call = await callOf(visit, options);
        const [endpoint, event] = [visit.field('endpoint'), visit.field('event')];
        const own = (await webhooks.ofCall(endpoint, call.id))?.some(({ eventId }) => eventId === event);
        const replaying = own ? webhooks.replay(endpoint, event) : Promise.resolve(null);
        if (!(await withDeadline(replaying, TIMEOUT_MS, 'a replay')))
          throw new GatewayError('GW_ERR_NOT_FOUND', 'this receiver was not told of such an event');
        visit.go(`/calls/${call.id}`);
      },
    },
  ];
}

/** Piece by piece, for as long as somebody waits before the page. */
async function replayAll(replay: (after: string | null) => Promise<Replayed | null>) {
  const until = Date.now() + REPLAYING_MS;
  let queued = 0;
  let next: string | null = null;
  let goneBefore: string | null = null;
  do {
    const piece: Replayed | null = await withDeadline(replay(next), TIMEOUT_MS, 'a replay');
    if (!piece) throw new GatewayError('GW_ERR_NOT_FOUND', 'there is no such receiver');
    queued += piece.queued;
    ({ next, goneBefore } = piece);
  } while (next !== null && Date.now() < until);
  return { queued, next, goneBefore };
}

async function showEndpoints(visit: Visit, { webhooks }: Options): Promise<void> {
  const endpoints = await withDeadline(webhooks.list(), TIMEOUT_MS, 'reading receivers');
  const queued = visit.query('queued');
  visit.page('deliveries', {
    rows: endpoints.map((endpoint) => endpointRow(visit, endpoint)),
    queued: queued !== undefined && /^\d{1,6}$/.test(queued) ? Number(queued) : null,
    left: visit.query('left') !== undefined,
    gone: visit.query('gone') !== undefined,
  });
}

function endpointRow({ t, format }: Visit, endpoint: EndpointView) {
  const { id, url, state, reason, since, undelivered, oldestAt, deadLetters } = endpoint;
  return {
    id,
    url,
    state: t(`deliveries.state.${state}`),
    bad: state !== 'up',
    reason,
    since: format.minute(since),
    undelivered: format.number(undelivered),
    oldest: oldestAt === null ? '' : format.span((Date.now() - Date.parse(oldestAt)) / 1000),
    dead: deadLetters,
  };
}

/** What receivers were told of one call, in the order of its happening. */
export async function deliveriesOf(visit: Visit, { webhooks }: Options, call: Call) {
  const work = (async () => {
    const endpoints = await webhooks.list();
    const told = await Promise.all(endpoints.map(({ id }) => webhooks.ofCall(id, call.id)));
    return endpoints.flatMap(({ id }, n) => (told[n] ?? []).map((attempt) => ({ id, attempt })));
  })();
  const rows = await withDeadline(work, TIMEOUT_MS, 'reading deliveries');
  const sorted = rows.sort((a, b) => (a.attempt.at < b.attempt.at ? -1 : 1)).slice(-ATTEMPTS_SHOWN);
  return sorted.map(({ id, attempt }) => attemptRow(visit, id, attempt, visit.zoneOf(call.site)));
}

function attemptRow({ t, format }: Visit, endpoint: string, attempt: LoggedAttempt, zone: string) {
  const { type, outcome, attempt: count, at, status, latencyMs, response, eventId } = attempt;
  return {
    endpoint,
    eventId,
    event: type,
    state: t(`delivery.${outcome}`),
    bad: outcome !== 'delivered',
    attempts: format.number(count),
    at: format.time(at, zone),
    answer: [
      status === null ? '' : `HTTP ${status}`,
      `${format.number(Math.round(latencyMs))} ms`,
      response.slice(0, 120),
    ]
      .filter(Boolean)
      .join(' · '),
  };
}
