import type { Call, Callback, Disposition, LossReason, Verdict } from '../call/call.js';

/** What people ask of the history of calls; `redis/` answers. Times are ms since the epoch, `to` is exclusive. */

/** Only calls that fit every field that is set. */
export interface CallQuery {
  /** Calls of these sites only; null: of all, and those that belong to none. */
  sites: readonly string[] | null;
  /** Caller's or tracking number in any notation: all of it, its beginning, or its last digits (3 at least). */
  number?: string;
  /** Beginnings of words of the caller's name, three letters at least or a whole word; all must occur. */
  callerName?: string;
  /** By when the call began. */
  from?: number;
  to?: number;
  disposition?: Disposition;
  lossReason?: LossReason;
  /** Name of a tag, whatever its case. */
  tag?: string;
  /** Words of the source: utm source, medium, campaign, keyword, or what a static number is bound to; all must occur. */
  source?: string;
  verdict?: Verdict;
  trunk?: string;
  /** A line or destination that was dialled. */
  target?: string;
  minTalkSeconds?: number;
  maxTalkSeconds?: number;
  /** `next` of the page before. */
  cursor?: string | null;
  limit: number;
}

export interface CallPage {
  /** Newest first. Fewer than asked for, even none, does not mean that nothing follows: `next` does. */
  calls: Call[];
  /** null where nothing follows. */
  next: string | null;
  /** Calls that fit, this page and what came before included; null where counting them would take too long. */
  approximateTotal: number | null;
}

/** Callers in the queue, and settled ones remembered; the oldest leave. */
export const MOST_WAITING = 5_000;

export const MISSED_STATES = ['waiting', 'called_back', 'handled'] as const;
/** `called_back`: he has talked to us since, in a call of his or of ours. `handled`: somebody said that it is done. */
export type MissedState = (typeof MISSED_STATES)[number];

export interface MissedQuery {
  sites: readonly string[] | null;
  /** `waiting`: the queue. `settled`: what has left it, the latest first. */
  view: 'waiting' | 'settled';
  cursor?: string | null;
  limit: number;
}

/** Somebody is calling him back: the others leave him alone until then. */
export interface Turn {
  by: string;
  /** ISO 8601. */
  until: string;
}

/** Who waits in the queue, as it knows him. */
export interface QueuedNumber {
  site: string | null;
  number: string;
}

/** Rejects with GW_ERR_REDIS_AWAY. */
export interface CallbackTurns {
  /**
   * Takes him until then (ms), or leaves him to the others (null); changes nothing while somebody else has him.
   * @returns whose he is now, null for nobody's; `gone` where he waits no longer
   */
  take(caller: QueuedNumber, by: string, until: number | null): Promise<Turn | 'gone' | null>;
  /**
   * Ends the turn of `by`, and nobody else's.
   * @returns `ended`; else whose he is now, null for nobody's; `gone` where he waits no longer
   */
  end(caller: QueuedNumber, by: string): Promise<Turn | 'gone' | 'ended' | null>;
}

/** A caller whom nobody answered. One entry for each caller and site, however often he tried. */
export interface MissedCaller {
  /** The last of his lost calls; null where it has left the history. */
  call: Call | null;
  callId: string;
  site: string | null;
  /** Lost for want of a channel, the last time or before. */
  forCapacity: boolean;
  attempts: number;
  firstAt: string;
  lastAt: string;
  state: MissedState;
  /** Since he first tried in vain: until now, or until it was settled. */
  waitingSeconds: number;
  settledAt: string | null;
  /** The call of his in which he talked; null where there was none. */
  settledBy: string | null;
  /** The talk in which we called him back. */
  callback: Callback | null;
  /** How often he was called in vain since, and when last. */
  tries: number;
  lastTryAt: string | null;
  /** Who is calling him back now, as he has said. */
  taken: Turn | null;
}

export interface MissedPage {
  /** Waiting ones: lost for capacity first, then the latest first. */
  callers: MissedCaller[];
  next: string | null;
  /** Waiting now, and of them those lost for capacity. */
  waiting: number;
  waitingForCapacity: number;
}

/** The business has dialled somebody. */
export interface CallbackReport {
  /** Digits of his number in E.164, each way it may be read. */
  numbers: readonly string[];
  /** null: wherever he waits. */
  sites: readonly string[] | null;
  /** ms since the epoch. */
  at: number;
  /** 0: nobody answered. */
  talkSeconds: number;
}

/** A caller who waits, and for whom a report counts. */
export interface WaitingCaller {
  site: string | null;
  /** The last of his lost calls. */
  callId: string;
  firstAt: number;
  /** How often he was called in vain, this time included. */
  tries: number;
}

/** Rejects with GW_ERR_REDIS_AWAY. */
export interface CallbackBook {
  /** Who waits for this call back; where nobody answered it, the try is noted. Telling it twice changes nothing. */
  note(report: CallbackReport): Promise<WaitingCaller[]>;
}

export interface OperatorQuery {
  sites: readonly string[] | null;
  from: number;
  to: number;
}

/** What came to one line or destination in the time asked for. */
export interface OperatorRow {
  kind: 'line' | 'destination';
  target: string;
  /** Times it was dialled. */
  offered: number;
  answered: number;
  /** Not answered, busy, declined or unreachable, or the caller gave up while it rang; not: another one was faster. */
  missed: number;
  /** All of it, answered or not. */
  ringSeconds: number;
  talkSeconds: number;
}

/** All reject with GW_ERR_REDIS_AWAY, and with GW_ERR_BAD_REQUEST for a cursor that they did not give out. */
export interface CallHistory {
  search(query: CallQuery): Promise<CallPage>;
  /** Names the index by which calls are found; null while it is rebuilt: then not every call is. */
  generation(): Promise<string | null>;
  missedQueue(query: MissedQuery): Promise<MissedPage>;
  /** Lines and destinations by name; whole hours, the one that holds `from` included. */
  operators(query: OperatorQuery): Promise<OperatorRow[]>;
}
