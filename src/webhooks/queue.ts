/** What the delivery needs from the outbox; `redis/outbox.ts` keeps it. */

/** One attempt at one event for one endpoint, leased to this process. */
export interface Delivery {
  endpoint: string;
  /** The call's id; events of one key are delivered one after the other. */
  orderingKey: string;
  /** Where the event stands in the feed. */
  cursor: string;
  /** From 1; counts attempts of dead workers too. */
  attempt: number;
  /** Since the event was queued, ms. */
  ageMs: number;
  eventId: string;
  type: string;
  /** The event's own timestamp, ISO 8601. */
  timestamp: string;
  /** The exact text that is signed and sent. */
  body: string;
  /** More events of the same key wait behind this one. */
  followed: boolean;
}

export type Settlement =
  | { outcome: 'delivered' }
  /** `pauseMs`: the receiver asked for quiet; nothing is sent to it until then. */
  | { outcome: 'retry'; delayMs: number; pauseMs?: number }
  | { outcome: 'dead'; reason: string }
  /** Broken off (shutdown): due at once, the attempt not counted. */
  | { outcome: 'abandoned' }
  /** Never sent: as `abandoned`. */
  | { outcome: 'returned' };

/** What is kept of an attempt, to be looked at. */
export interface AttemptTrace {
  /** HTTP status; null when no answer came. */
  status: number | null;
  latencyMs: number;
  /** What went wrong, or the start of the receiver's answer. */
  text: string;
}

/** An attempt that has ended, to be written down. `trace` is null for what was not sent. */
export interface Ended {
  delivery: Delivery;
  settlement: Settlement;
  trace: AttemptTrace | null;
  /** An exchange with it has failed: it may be written down already. */
  repeated?: boolean;
}

/** How much a worker can take, and for how long. */
export interface Appetite {
  most: number;
  leaseMs: number;
}

/** What one exchange with the outbox gave. */
export interface Turn {
  /** For each ended attempt: false when its lease had passed and the delivery is somebody else's by now. */
  applied: boolean[];
  deliveries: Delivery[];
  /** Queued events whose text no longer exists. */
  lost: number;
  /** Until something is due, ms; 0 now, null where nothing is queued or nothing may be sent. */
  nextMs: number | null;
  state: 'up' | 'failing' | 'disabled';
  /** For how long it has failed without one success, ms; 0 while it does not. */
  failingMs: number;
  /** Set when these attempts changed the endpoint's health. */
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
  /** False where it was disabled already. `fingerprint` is that of its configuration. */
  disable(endpoint: string, reason: DisableReason, fingerprint: string): Promise<boolean>;
  /** False where it was not disabled. */
  enable(endpoint: string): Promise<boolean>;
  /** Enables what was disabled with another configuration, unless that was by request. */
  reconfigured(endpoint: string, fingerprint: string): Promise<boolean>;
  /** Tells of the dead letters that nobody has told of yet; how many. */
  tellDead(endpoint: string): Promise<number>;
  /** Tells that Redis no longer had the text of queued events. */
  tellMissing(endpoint: string, events: number): Promise<void>;
}
