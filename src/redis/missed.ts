import type { Call } from '../call/call.js';
import type { MissedCaller, MissedPage, MissedQuery, MissedState, Turn } from '../history/query.js';
import { inRows } from './scripts.js';

/** Offset to go on from (-1: nothing follows), waiting, of them for capacity, then entry, document, tries and turn one after the other. */
export type MissedReply = [next: number, waiting: number, forCapacity: number, ...rows: (string | null)[]];

/** What list-missed.lua returns, in the words of history/query.ts. */
export function readMissed(reply: MissedReply, view: MissedQuery['view'], now: number): MissedPage {
  const [next, waiting, waitingForCapacity, ...rows] = reply;
  const callers = inRows(rows, 4).map(([entry, doc, tries, turn]): MissedCaller => {
    const call = doc ? (JSON.parse(doc) as Call) : null;
    const waiting = view === 'waiting' ? readWaiting(entry ?? '', call, now) : readSettled(entry ?? '', call);
    return { ...waiting, ...readTries(tries ?? ''), taken: readTurn(turn ?? '', now) };
  });
  return { callers, next: next < 0 ? null : String(next), waiting, waitingForCapacity };
}

type Waiting = Omit<MissedCaller, 'tries' | 'lastTryAt' | 'taken'>;

/** `until|who`; null for one that is over, and where nobody has him. */
export function readTurn(text: string, now: number): Turn | null {
  const [, until, by = ''] = /^(\d+)\|(.*)$/s.exec(text) ?? [];
  return until === undefined || Number(until) <= now ? null : { by, until: iso(Number(until)) };
}

/** `tries|latest …`, ms; "" where nobody tried. */
function readTries(text: string): Pick<MissedCaller, 'tries' | 'lastTryAt'> {
  const [, tries, latest] = /^(\d+)\|(\d+)/.exec(text) ?? [];
  return { tries: Number(tries ?? 0), lastTryAt: latest === undefined ? null : iso(Number(latest)) };
}

/** `site|attempts|first|last|call id|capacity`. */
function readWaiting(entry: string, call: Call | null, now: number): Waiting {
  const [site = '', attempts, first, last, callId = '', capacity] = entry.split('|');
  return {
    call,
    callId,
    site: site === '' ? null : site,
    forCapacity: capacity === '1',
    attempts: Number(attempts),
    firstAt: iso(Number(first)),
    lastAt: iso(Number(last)),
    state: 'waiting',
    waitingSeconds: seconds(Number(first), now),
    settledAt: null,
    settledBy: null,
    callback: null,
  };
}

/** `site|state|by|at`, then what waited; `by` is the call in which he talked, "" where we have called him. */
function readSettled(entry: string, call: Call | null): Waiting {
  const [site = '', state, by = '', at, ...waited] = entry.split('|');
  const calledBack = state === 'called_back';
  const callback = calledBack && by === '' ? (call?.handled?.callback ?? null) : null;
  // We may have been told of it later.
  const settledAt = callback ? Date.parse(callback.at) : Number(at);
  return {
    ...readWaiting([site, ...waited].join('|'), call, settledAt),
    state: (calledBack ? 'called_back' : 'handled') satisfies MissedState,
    settledAt: iso(settledAt),
    settledBy: calledBack && by !== '' ? by : null,
    callback,
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
const seconds = (from: number, to: number): number => Math.max(0, Math.round((to - from) / 1000));
