import { keyOf, type QueuedCaller } from '../live/queue-board.js';
import type { Visit } from '../visit.js';
import { callbackWords, callerParts, callerWords } from './call-row.js';

/** One caller of the queue, in words. Nothing of it changes by the second: the page would have to be drawn as often. */
export function missedRow(visit: Visit, missed: QueuedCaller, now: number) {
  const { t, format } = visit;
  const { call, callId, forCapacity, attempts, firstAt, lastAt, state, tookSeconds, settledAt, callback } = missed;
  const { tries, lastTryAt, taken } = missed;
  const number = call?.caller.number ?? null;
  const mine = taken?.by === visit.user.name;
  const turn = taken && t(mine ? 'missed.mine' : 'missed.taken', { by: taken.by, until: format.minute(taken.until) });
  return {
    key: keyOf(missed),
    callId,
    known: call !== null,
    caller: call ? callerWords(visit, call.caller) : t('app.unknown'),
    who: call ? callerParts(visit, call.caller) : { number: t('app.unknown'), name: null },
    // Who is called by somebody else is not to be called by a slip.
    tel: taken && !mine ? null : number,
    // Of a call that has left the history nobody is known by its address.
    turn: call === null ? null : { by: taken?.by ?? null, mine, words: turn },
    site: missed.site ?? '',
    why: call?.lossReason ? t(`loss.${call.lossReason}`) : '',
    forCapacity,
    attempts: format.number(attempts),
    last: format.minute(lastAt),
    ago: t('missed.ago', { time: minutesSince(visit, lastAt, now) }),
    waits: tookSeconds === null ? minutesSince(visit, firstAt, now) : format.span(tookSeconds),
    state: turn ? turn : callback ? callbackWords(visit, callback, visit.timeZone) : t(`missed.state.${state}`),
    settled: settledAt === null || callback ? '' : format.minute(settledAt),
    tried: tries === 0 ? '' : t('missed.tried', { count: format.number(tries), time: format.minute(lastTryAt) }),
    settledBy: missed.settledBy,
  };
}

function minutesSince({ t, format }: Visit, iso: string, now: number): string {
  const minutes = Math.floor((now - Date.parse(iso)) / 60_000);
  return minutes < 1 ? t('time.minutes', { n: '< 1' }) : format.span(minutes * 60);
}
