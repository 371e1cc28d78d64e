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
  /** Since the event was written, ms. */
  ageMs: number;
  eventId: string;
  /** The event's own timestamp, ISO 8601. */
  timestamp: string;
  /** The exact text that is signed and sent. */
  body: string;
}

export type Settlement =
  | { outcome: 'delivered' }
  /** `pauseMs`: the receiver asked for quiet; nothing is sent to it until then. */
  | { outcome: 'retry'; delayMs: number; pauseMs?: number }
  | { outcome: 'dead'; reason: string }
  /** Given back unfinished (shutdown): due at once, the attempt not counted. */
  | { outcome: 'abandoned' };

export interface Settled {
  /** False when the lease had passed and the delivery is somebody else's by now. */
  applied: boolean;
  /** More of this endpoint is due now. */
  more: boolean;
  /** Set when this attempt changed the endpoint's health. */
  turned: 'failing' | 'recovered' | null;
}

export interface Backlog {
  /** Undelivered events. */
  events: number;
  /** When the oldest of them was written, ms since the epoch; null where there is none. */
  oldestAt: number | null;
  dead: number;
}

/** All of these reject with GW_ERR_REDIS_AWAY. */
export interface DeliveryQueue {
  /** Leases up to `most` due deliveries; `lost` counts queued events whose text no longer exists. */
  claim(endpoint: string, most: number, leaseMs: number): Promise<{ deliveries: Delivery[]; lost: number }>;
  settle(delivery: Delivery, settlement: Settlement): Promise<Settled>;
  backlog(endpoints: string[]): Promise<Map<string, Backlog>>;
  /** Trims what is old and delivered; `served` are the endpoints that this gateway delivers to. */
  trim(served: string[]): Promise<{ trimmed: number; dropped: number }>;
}
