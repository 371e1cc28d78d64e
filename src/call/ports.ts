import type { CarrierGateway } from '../config/schema.js';
import type { Rotation } from '../routing/strategy.js';
import type { SipFailure } from './sip-ports.js';
import type { Call, CallResources, Disposition, HeldChannel, LegResult, VisitorSession } from './call.js';
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

/** Whose a caller was at his last attributed call to this site. */
export interface KnownCaller {
  session: VisitorSession;
  leaseId: string | null;
  confidence: number;
  /** When that call came, ms since the epoch. */
  at: number;
}

export interface CallerHistory {
  previousCalls: number;
  /** ms since the epoch; null for a first call. */
  lastCallAt: number | null;
  /** null while that call goes on. */
  lastDisposition: Disposition | null;
  /** ms since the epoch. */
  lastAnsweredAt: number | null;
  known: KnownCaller | null;
  /** Last calls to this site, the latest first; empty unless screening asks for them. */
  recent: RecentCall[];
}

export interface RecentCall {
  /** ms since the epoch. */
  at: number;
  trackingNumber: string;
  /** null while it goes on. */
  talkSeconds: number | null;
}

export interface AdmissionQuery {
  callId: string;
  trackingNumber: string;
  /** null when withheld: then no history is asked for. */
  callerNumber: string | null;
  /** When the INVITE arrived, ms since the epoch. */
  at: number;
  /** Every limit that the call counts against as it comes in: all of them are granted, or none is held. */
  inbound: ChannelRequest[];
}

/** `limit` null: unlimited, but still counted. */
export interface ChannelRequest {
  resource: string;
  token: string;
  limit: number | null;
}

export interface ChannelGrant {
  /** There was room. It is held only where everything asked for together had room. */
  granted: boolean;
  /** Channels in use after this request, this one included where it is held. */
  inUse: number;
  limit: number | null;
}

export interface AdmissionAnswer {
  number: TrackingNumber | null;
  lease: Holder | null;
  /** Former holders, the most recent first, the holder of `lease` among them. */
  holders: Holder[];
  /** Of this caller at the number's site; null where he is withheld, or the number unknown. */
  history: CallerHistory | null;
  /** Calls from his range of numbers, by window in ms; empty unless screening asks for them. */
  rangeCalls: ReadonlyMap<number, number>;
  /** One for each of `inbound`; they tell which was full. */
  channels: ChannelGrant[];
}

/** What screening wants to know, over all sites: the number says only later which one it is. */
export interface ScreeningNeeds {
  /** Last calls of the caller to each site, one by one. */
  recentCalls: number;
  /** ms, the longest first. */
  rangeWindows: number[];
}

/** The caller whose history is asked for, as it was when this call of his came. */
export interface LookedUpCaller {
  number: string;
  callId: string;
}

export type LookedUp = Pick<AdmissionAnswer, 'number' | 'lease' | 'holders' | 'history'>;

export interface Admissions {
  /** One round trip. Rejects with GW_ERR_REDIS_AWAY (or a deadline) when Redis does not answer in time. */
  admit(query: AdmissionQuery): Promise<AdmissionAnswer>;
  /**
   * As of `at`, taking and writing nothing: to fill in what had to be deferred. The history is that of `caller` where
   * one is named. One round trip, rejecting as `admit` does.
   */
  lookUp(trackingNumber: string, at: number, caller?: LookedUpCaller | null): Promise<LookedUp>;
}

export interface Channels {
  /** Asks for all of `requests` at once: either all are granted or none is held. The grants tell which was full. */
  reserve(requests: ChannelRequest[]): Promise<ChannelGrant[]>;
  /** What `reserve` would answer now; nothing is held, and nothing counted as asked for. Never rejects. */
  look(limits: readonly Omit<ChannelRequest, 'token'>[]): Promise<ChannelGrant[]>;
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

/** An event as it happened, in the text that is sent: what changes in the call later does not reach it. */
export interface WrittenEvent extends Omit<CallEvent, 'data'> {
  /** JSON of the `CallEvent`. */
  body: string;
}

/** A change of a call and the events it means: written in one atomic step, or not at all. */
export interface CallChange {
  call: Call;
  resources: CallResources;
  events: WrittenEvent[];
  /** Endpoint ids that want each event; same order as `events`. */
  endpoints: string[][];
  /** The call has ended and nothing of it is alive any more. */
  closed: boolean;
}

export interface CallStore {
  /**
   * Idempotent by call and sequence: repeating a change after a lost reply writes nothing twice.
   * Rejects with GW_ERR_REDIS_AWAY while Redis is away; the caller keeps the change and repeats it.
   * `call` and `resources` are read before this returns: the caller may go on changing them.
   */
  commit(change: CallChange): Promise<void>;
}

/** A trunk's gateways as they are to be dialled now. */
export interface GatewayChoice {
  /** In order (priority, weight, health, ramp); empty where all are down or held, or the trunk drains. */
  gateways: CarrierGateway[];
  /** A gateway is left out because it said that it is full: where no other is left the trunk is full, not dead. */
  full: boolean;
}

/** Carriers as the route walk sees them. */
export interface Carriers {
  /**
   * @param evenDown whether gateways that do not answer OPTIONS are returned where no other is left; those that asked
   * by Retry-After not to be dialled never are
   */
  order(trunkId: string, gateways: readonly CarrierGateway[], evenDown: boolean): GatewayChoice;
  /**
   * Waits for a turn by the trunk's calls-per-second limit, for its queue time and `mostMs` at most; false where there is
   * none in time.
   */
  turn(trunkId: string, mostMs: number): Promise<boolean>;
  /** A final failure of an INVITE to this gateway, and what it means: its Retry-After keeps it from being dialled. */
  failed(trunkId: string, uri: string, failure: SipFailure, result: LegResult): void;
}

/** Trunks as the gate sees them. */
export interface TrunkWatch {
  /** An INVITE came from this trunk. */
  heard(trunkId: string): void;
}

export type Drainable = 'trunk' | 'line' | 'destination';

/** What was taken out of service by request: it gets no new calls, those in progress go on. */
export interface Drains {
  has(kind: Drainable, id: string): boolean;
}

/** Lines with a fixed address. */
export interface LineHealth {
  /** It does not answer our OPTIONS; false too for a line that nobody asks. */
  isDown(lineId: string): boolean;
}

/** Where one registered phone of a line is rung. */
export interface LineContact {
  uri: string;
  /** Route set of the registration (Path, or the address behind NAT); null: straight to `uri`. */
  proxy: string | null;
}

export interface LineContacts {
  /** The phones registered for this line now; empty where there is none. One round trip. */
  contactsOf(lineId: string): Promise<LineContact[]>;
}

/** What `round-robin` and `least-recent` remember, over all gateways. */
export interface Rotations {
  /** Takes this step's next turn and reads when its targets last had a call. Falls back to what this process knows. */
  take(step: string, targets: readonly string[]): Promise<Rotation>;
  /** `target` has just had a call. Never rejects. */
  used(target: string): Promise<void>;
}
