import type { Backlog, DisableReason } from './queue.js';

/** What has been kept of deliveries, and how to queue them again; `redis/delivery-archive.ts` keeps it. */

export type Outcome = 'delivered' | 'retry' | 'dead';

/** One attempt, as it went. */
export interface LoggedAttempt {
  /** Where it stands in the log; newer ones are greater. */
  cursor: string;
  /** ISO 8601. */
  at: string;
  eventId: string;
  type: string;
  /** null for an event that belongs to no call. */
  callId: string | null;
  attempt: number;
  outcome: Outcome;
  /** HTTP status; null when no answer came. */
  status: number | null;
  latencyMs: number;
  /** What went wrong, or the start of the receiver's answer. */
  response: string;
}

/** An event of the feed, as far as replaying asks. */
export interface FeedEvent {
  cursor: string;
  eventId: string;
  type: string;
  /** Empty for an event that belongs to no call. */
  callId: string;
  /** What it is delivered in order with: its call, or the trunk, limit, site … that it tells of. */
  orderingKey: string;
  body: string;
}

export interface FoundEvent {
  event: FeedEvent;
  /** Its dead letter at the endpoint for which it was looked up; null where there is none. */
  letter: string | null;
}

export interface EndpointState extends Backlog {
  /** null while it is not disabled. */
  disabledSince: { at: number; reason: DisableReason } | null;
  /** First attempts that failed in a row; from three on it is probed one request at a time. */
  failures: number;
  failing: boolean;
  /** Of the first of them; ms since the epoch. */
  failingSince: number | null;
  nextProbeAt: number | null;
}

/** Which attempts are wanted; null: whatever it is. Times in ms since the epoch, `to` exclusive. */
export interface WantedAttempts {
  from: number | null;
  to: number | null;
  outcome: Outcome | null;
  status: number | null;
  eventId: string | null;
}

export interface LogQuery extends WantedAttempts {
  /** Only attempts before this entry of the log. */
  before: string | null;
  limit: number;
}

export function isWanted(attempt: LoggedAttempt, { from, to, outcome, status, eventId }: WantedAttempts): boolean {
  const at = Date.parse(attempt.at);
  return (
    (outcome === null || attempt.outcome === outcome) &&
    (status === null || attempt.status === status) &&
    (eventId === null || attempt.eventId === eventId) &&
    (from === null || at >= from) &&
    (to === null || at < to)
  );
}

/** All of these reject with GW_ERR_REDIS_AWAY. */
export interface DeliveryArchive {
  states(endpoints: string[]): Promise<EndpointState[]>;
  /** Newest first; `next` goes on where there may be more. */
  attempts(endpoint: string, query: LogQuery): Promise<{ attempts: LoggedAttempt[]; next: string | null }>;
  /** The last attempt at each event of a call, the newest first. */
  ofCall(endpoint: string, callId: string): Promise<LoggedAttempt[]>;
  /** An event by its id or by its cursor; null when neither the feed nor a dead letter has it any more. */
  find(endpoint: string, eventId: string): Promise<FoundEvent | null>;
  /** Events after a cursor, or from a time on, in the order of the feed; times in ms since the epoch, `to` exclusive. */
  feed(after: string | number, to: number, limit: number): Promise<FeedEvent[]>;
  /** ISO 8601; null where all events from this time on (ms since the epoch) are still kept. */
  keptFrom(from: number): Promise<string | null>;
  /** Queues them once more; how many were not queued already. */
  requeue(endpoint: string, events: readonly FeedEvent[]): Promise<number>;
  /** The same for one event, in the place of its dead letter where it has one. */
  repeat(endpoint: string, found: FoundEvent): Promise<number>;
  /**
   * Queues up to `most` dead letters once more, the oldest first.
   * @param until the last letter to take; null: the last there is now. Whoever is refused again comes behind it
   */
  revive(endpoint: string, most: number, until: string | null): Promise<Revived>;
}

/** `next`: more letters are left up to this one. */
export interface Revived {
  queued: number;
  seen: number;
  next: string | null;
}
