import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../../call/call.js';
import type { LimitUse, LineView } from '../../http/ports.js';
import type { Sessions } from '../auth/sessions.js';
import type { LiveBoard, LiveState } from '../live/board.js';
import type { Route } from '../route.js';
import { callerParts, callerWords } from '../view/call-row.js';
import { recordingControl } from '../view/recording-control.js';
import type { Visit } from '../visit.js';

/** Calls in progress and channels in use. `/live/stream` sends the same again and again, while somebody looks. */
export function liveRoutes(board: LiveBoard, sessions: Pick<Sessions, 'find'>): Route[] {
  return [
    {
      method: 'get',
      path: '/live',
      needs: 'live',
      handle: async (visit) => visit.page('live', liveView(visit, await board.read())),
    },
    {
      method: 'get',
      path: '/live/stream',
      needs: 'live',
      passive: true,
      handle: (visit) =>
        board.join(
          visit,
          (state) => visit.parts.render(visit, 'parts/live', liveView(visit, state)),
          () => stands(visit, sessions),
        ),
    },
  ];
}

/** Whether he is still logged in, as who he was when he came. */
async function stands({ parts: { session } }: Visit, sessions: Pick<Sessions, 'find'>): Promise<boolean> {
  const now = session && (await sessions.find(session.token, false));
  return isDeepStrictEqual(now?.user, session?.user);
}

function liveView(visit: Visit, state: LiveState) {
  const calls = state.calls.filter(({ site }) => visit.sees(site));
  return {
    calls: calls.map((call) => liveCall(visit, call, state.at)),
    channels: [
      ...state.trunks.flatMap(({ id, limits, up, draining }) =>
        limits.map((use) => channelRow(visit, id, use, draining ? 'live.drained' : up ? null : 'live.down')),
      ),
      ...state.destinations.map((one) =>
        channelRow(visit, one.id, one, one.draining ? 'live.drained' : one.trunkUp ? null : 'live.down'),
      ),
      ...state.lines.map((one) =>
        channelRow(visit, one.id, one, one.draining ? 'live.drained' : isAway(one) ? 'live.down' : null),
      ),
    ],
  };
}

const isAway = ({ state, health }: LineView): boolean => state === 'unregistered' || health?.state === 'down';

function liveCall(visit: Visit, call: Call, now: number) {
  const { t, format } = visit;
  const leg = call.legs.findLast(({ endedAt }) => endedAt === null) ?? call.legs.at(-1);
  const stage = call.answeredAt !== null ? 'talking' : call.ringingAt !== null ? 'ringing' : 'connecting';
  return {
    id: call.id,
    caller: callerWords(visit, call.caller),
    who: callerParts(visit, call.caller),
    tracking: format.phone(call.trackingNumber),
    site: call.site ?? '',
    stage: t(`live.${stage}`),
    stageName: stage,
    where: leg?.target ?? '',
    trunk: call.trunk,
    // What cannot be taken back is done where the whole call is seen.
    control: recordingControl(visit, call, ['stop']),
    since: format.clock(Math.max(0, (now - Date.parse(call.answeredAt ?? call.startedAt)) / 1000)),
  };
}

function channelRow(
  visit: Visit,
  id: string,
  { kind, channels }: LimitUse,
  trouble: 'live.down' | 'live.drained' | null,
) {
  const { t, format } = visit;
  const { inUse, limit, peakToday } = channels;
  const full = limit !== null && inUse >= limit;
  return {
    name: id,
    kind: t(`kind.${kind}`),
    used: inUse,
    limit,
    words: limit === null ? format.number(inUse) : t('live.of', { used: inUse, limit }),
    limitWords: limit === null ? t('live.noLimit') : format.number(limit),
    peak: format.number(peakToday),
    /** Of a bar of 100. */
    width: limit === null || limit === 0 ? 0 : Math.min(100, Math.round((100 * inUse) / limit)),
    full,
    note: trouble === null ? (full ? t('live.full') : '') : t(trouble),
  };
}
