import type { Call } from '../call/call.js';
import type { MissedCaller, MissedPage, MissedQuery, MissedState } from '../history/query.js';

/** Offset to go on from (-1: nothing follows), waiting, of them for capacity, then entry and document one after the other. */
export type MissedReply = [next: number, waiting: number, forCapacity: number, ...rows: (string | null)[]];

/** What list-missed.lua returns, in the words of history/query.ts. */
export function readMissed(reply: MissedReply, view: MissedQuery['view'], now: number): MissedPage {
  const [next, waiting, waitingForCapacity, ...rows] = reply;
  const callers: MissedCaller[] = [];
  for (let i = 0; i < rows.length; i += 2) {
    const call = rows[i + 1] ? (JSON.parse(rows[i + 1] ?? '') as Call) : null;
    callers.push(view === 'waiting' ? readWaiting(rows[i] ?? '', call, now) : readSettled(rows[i] ?? '', call));
  }
  return { callers, next: next < 0 ? null : String(next), waiting, waitingForCapacity };
}

/** `site|attempts|first|last|call id|capacity`. */
function readWaiting(entry: string, call: Call | null, now: number): MissedCaller {
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
  };
}

/** `site|state|by|at`, then what waited. */
function readSettled(entry: string, call: Call | null): MissedCaller {
  const [site = '', state, by = '', at, ...waited] = entry.split('|');
  const calledBack = state === 'called_back';
  return {
    ...readWaiting([site, ...waited].join('|'), call, Number(at)),
    state: (calledBack ? 'called_back' : 'handled') satisfies MissedState,
    settledAt: iso(Number(at)),
    settledBy: calledBack ? by : null,
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
const seconds = (from: number, to: number): number => Math.max(0, Math.round((to - from) / 1000));
