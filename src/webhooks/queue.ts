/** What the delivery needs from the outbox; `redis/outbox.ts` keeps it. */

/** One event for one endpoint. */
export interface Delivery {
  endpoint: string;
  /** The call's id; events of one key are delivered one after the other. */
  orderingKey: string;
  /** Where the event stands in the feed. */
  cursor: string;
  /** From 1. */
  attempt: number;
  /** Since the event was queued, or the endpoint enabled, ms. */
  ageMs: number;
  eventId: string;
  type: string;
  /** The event's own timestamp, ISO 8601. */
  timestamp: string;
  /** The exact bytes that are signed and sent. */
  body: Buffer;
}

/** What waits of one ordering key, leased to this process together: to be sent one after the other, in this order. */
export interface Batch {
  orderingKey: string;
  /** Never empty. Attempts of dead workers count at the first of them only. */
  deliveries: readonly Delivery[];
  /** More events of the same key wait behind these. */
  followed: boolean;
}

/** What became of a batch. */
export type Settlement =
  | { outcome: 'delivered' }
  /** The last attempt failed. `pauseMs`: the receiver asked for quiet; nothing is sent to it until then. */
  | { outcome: 'retry'; delayMs: number; pauseMs?: number }
  /** The last attempt failed, and there will be none after it. `verdict`: the event was refused, whoever its receiver is. */
  | { outcome: 'dead'; reason: string; verdict?: true }
  /** Broken off (shutdown): what is left is due at once, the attempt not counted. */
  | { outcome: 'abandoned' }
  /** What is left was never sent: as `abandoned`. */
  | { outcome: 'returned' };

/** What is kept of an attempt, to be looked at. */
export interface AttemptTrace {
  /** When it ended, ms since the epoch: writing it down may wait for the next exchange. */
  at: number;
  /** HTTP status; null when no answer came. */
  status: number | null;
  latencyMs: number;
  /** What went wrong, or the start of the receiver's answer. */
  text: string;
}

/** A batch of which no more will be sent, to be written down. */
export interface Ended {
  batch: Batch;
  /** Of its first deliveries, in order. Each was delivered, the last one only where `settlement` does not say otherwise. */
  traces: readonly AttemptTrace[];
  settlement: Settlement;
  /** An exchange with it has failed: it may be written down already. */
  repeated?: boolean;
}

/** How many of a batch were delivered: its first ones. The attempt behind them, where there is one, failed. */
export function deliveredOf({ traces, settlement: { outcome } }: Ended): number {
  return outcome === 'retry' || outcome === 'dead' ? traces.length - 1 : traces.length;
}

/** How much a worker can take, and for how long. */
export interface Appetite {
  /** Events. */
  most: number;
  /** Events of one ordering key. */
  mostOfKey: number;
  leaseMs: number;
  /** Of the configuration that it works with; left out: of the one that counts. */
  fingerprint?: string;
}

/** What one exchange with the outbox gave. */
export interface Turn {
  /** For each ended batch: false when its lease had passed and it is somebody else's by now. */
  applied: boolean[];
  batches: Batch[];
  /** Queued events whose text no longer exists. */
  lost: number;
  /** Until something is due, ms; 0 now, null where nothing is queued or nothing may be sent. */
  nextMs: number | null;
  state: 'up' | 'failing' | 'disabled';
  /** For how long it has failed without one success, ms; 0 while it does not. */
  failingMs: number;
  /** Set when these batches changed the endpoint's health. */
  turned: 'failing' | 'recovered' | null;
}

export interface Backlog {
  /** Undelivered events. */
  events: number;
  /** When the oldest of them was written, ms since the epoch; null where there is none. */
  oldestAt: number | null;
  dead: number;
  disabled: boolean;
}

/** Why an endpoint gets nothing more until it is enabled again. */
export type DisableReason = 'gone' | 'failing' | 'request';

/** Deliveries that retention has given up. */
export interface Drop {
  endpoint: string;
  reason: 'age' | 'count' | 'unserved' | 'missing';
  events: number;
}

/** All of these reject with GW_ERR_REDIS_AWAY; what they change is told as an event in the same step. */
export interface DeliveryQueue {
  /** Writes down what has ended and leases what is due, in one exchange. Repeating it does no harm. */
  work(endpoint: string, ended: readonly Ended[], appetite: Appetite): Promise<Turn>;
  backlog(endpoints: string[]): Promise<Map<string, Backlog>>;
  /** Of the data that Redis holds: another one than before means that it was lost. */
  identity(): Promise<string>;
  /** Trims what is old and delivered; `served` are the endpoints that this gateway delivers to. */
  trim(served: string[]): Promise<{ trimmed: number; drops: Drop[] }>;
  /**
   * False where it was disabled already, or another configuration of it counts than that of `fingerprint` and nobody has
   * requested it.
   */
  disable(endpoint: string, reason: DisableReason, fingerprint: string): Promise<boolean>;
  /** False where it was not disabled. */
  enable(endpoint: string): Promise<boolean>;
  /**
   * From now on this configuration counts. What an endpoint that is not disabled has shown with another one is forgotten; one that was
   * disabled with it, not by request, is enabled: true.
   */
  reconfigured(endpoint: string, fingerprint: string): Promise<boolean>;
  /** Tells of the dead letters that nobody has told of yet; how many. */
  tellDead(endpoint: string): Promise<number>;
  /**
   * Tells that Redis no longer has queued events. `once`: what all gateways find out, each by itself; false where another
   * one has told it.
   */
  tellMissing(endpoint: string, events: number, once?: string): Promise<boolean>;
}
