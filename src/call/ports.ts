import type { Call, CallResources, HeldChannel, VisitorSession } from './call.js';
import type { CallEventType } from './event-types.js';

/** What the heart of the gateway needs from outside, in its own words; the adapters implement these. */

/** A lease or a former holder of a tracking number, as read from Redis. Times in ms since the epoch. */
export interface Holder {
  leaseId: string;
  sessionId: string;
  site: string;
  leasedAt: number;
  expiresAt: number;
  session: VisitorSession;
}

export interface TrackingNumber {
  number: string;
  site: string;
  kind: 'dynamic' | 'static';
  /** A route of its own; otherwise the site's default. */
  route: string | null;
  source: Record<string, string> | null;
  enabled: boolean;
}

export interface CallerHistory {
  previousCalls: number;
  /** ms since the epoch; null for a first call. */
  lastCallAt: number | null;
}

export interface AdmissionQuery {
  callId: string;
  trackingNumber: string;
  /** null when withheld: then no history is asked for. */
  callerNumber: string | null;
  /** When the INVITE arrived, ms since the epoch. */
  at: number;
  inbound: ChannelRequest;
}

/** `limit` null: unlimited, but still counted. */
export interface ChannelRequest {
  resource: string;
  token: string;
  limit: number | null;
}

export interface ChannelGrant {
  granted: boolean;
  /** After this request, this one included where granted. */
  inUse: number;
  limit: number | null;
}

export interface AdmissionAnswer {
  number: TrackingNumber | null;
  lease: Holder | null;
  /** Former holders, the most recent first, the holder of `lease` among them. */
  holders: Holder[];
  history: CallerHistory | null;
  channel: ChannelGrant;
}

export interface Admissions {
  /** One round trip. Rejects with GW_ERR_REDIS_AWAY (or a deadline) when Redis does not answer in time. */
  admit(query: AdmissionQuery): Promise<AdmissionAnswer>;
  /** Number, lease and holders only, as of `at`: to fill in a verdict that had to be deferred. */
  lookUp(trackingNumber: string, at: number): Promise<Pick<AdmissionAnswer, 'number' | 'lease' | 'holders'>>;
}

export interface Channels {
  /** Asks for all of `requests` at once: either all are granted or none is held. The grants tell which was full. */
  reserve(requests: ChannelRequest[]): Promise<ChannelGrant[]>;
  /** Idempotent; never rejects (what cannot be released now frees itself by its TTL). */
  release(held: HeldChannel[]): Promise<void>;
  /** Called by whoever owns living calls, several times per TTL. */
  renew(held: HeldChannel[]): Promise<void>;
}

export interface CallEvent {
  id: string;
  type: CallEventType;
  timestamp: string;
  /** 1, 2, 3 … within the call. */
  sequence: number;
  data: { call: Call } & Record<string, unknown>;
}

/** A change of a call and the events it means: written in one atomic step, or not at all. */
export interface CallChange {
  call: Call;
  resources: CallResources;
  events: CallEvent[];
  /** Endpoint ids that want each event; same order as `events`. */
  endpoints: string[][];
  /** The call has ended and nothing of it is alive any more. */
  closed: boolean;
}

export interface CallStore {
  /**
   * Idempotent by call and sequence: repeating a change after a lost reply writes nothing twice.
   * Rejects with GW_ERR_REDIS_AWAY while Redis is away; the caller keeps the change and repeats it.
   */
  commit(change: CallChange): Promise<void>;
}
