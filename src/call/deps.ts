import type { Logger } from 'pino';
import type { GatewayConfig, TrunkConfig } from '../config/schema.js';
import type { CallRateSource } from '../numbers/rate-book.js';
import type { CallerLists } from '../screening/rules.js';
import type { Backlog } from './backlog.js';
import type { Call, Overflow, RecordingInfo, Screening } from './call.js';
import type { EventType } from './event-types.js';
import type { MediaPool } from './media-ports.js';
import type {
  Admissions,
  CallStore,
  Carriers,
  Channels,
  Drains,
  Holder,
  KnownCaller,
  LineContacts,
  LineHealth,
  Rotations,
  TrackingNumber,
  TrunkWatch,
} from './ports.js';
import type { SipSide } from './sip-ports.js';

/** What was counted about calls; `observability/` keeps it. */
export interface CallMetrics {
  ended(call: Call): void;
  /** INVITE in → first INVITE out. */
  setup(milliseconds: number): void;
  answered(seconds: number): void;
  overflowed(overflow: Overflow): void;
  /** An INVITE that never became a call. */
  refused(reason: 'unknown_source' | 'transport' | 'overload' | 'malformed' | 'draining'): void;
  recording(status: RecordingInfo['status']): void;
  screened(screening: Screening): void;
}

/** Turns what FreeSWITCH left on disk into the recording's truth. */
export interface Recordings {
  /** Why a call by a route of this mode is not recorded now (`not_wanted`, `disk_low`); null: it is. */
  refusal(mode: GatewayConfig['routes'][number]['recording']['mode']): string | null;
  /**
   * How FreeSWITCH's file of this call is settled once it has stopped; `wanted` by the route. `engineSeconds`: how long it is by
   * FreeSWITCH's clock. Never rejects.
   */
  settle(call: Call, wanted: boolean, engineSeconds?: number | null): Promise<RecordingInfo>;
  /** FreeSWITCH's file of a call that nobody answered, once its channels are gone. Never rejects. */
  discard(callId: string): Promise<void>;
}

/** Numbers whose route is known to this process, for when Redis cannot be asked. */
export interface LastKnownNumbers {
  remember(number: TrackingNumber): void;
  find(number: string): TrackingNumber | null;
}

/** What is kept of callers beside their calls. */
export interface Callers {
  /** Notes in the caller's history that a call of his has come; the call's site is known. Never rejects. */
  arrived(call: Call): Promise<void>;
  /**
   * A call got its verdict as it came; `known` is what earlier calls told of its caller. It is judged once more after
   * its end.
   */
  judged(call: Call, known: KnownCaller | null): void;
  /** A call got no verdict as it came: it follows as a correction as soon as Redis can say it. Never rejects. */
  deferred(call: Call): Promise<void>;
  /** The caller gave a promo code that could not be looked up: told later, as by `deferred`. Never rejects. */
  codeGiven(call: Call, code: string): Promise<void>;
  /** Who is blocked at a site, and who is never screened. */
  lists(site: string): CallerLists;
}

/** Whose a promo code is. */
export interface PromoCodes {
  /** One exchange, none for what cannot be a code. Rejects with GW_ERR_REDIS_AWAY. */
  find(site: string, code: string): Promise<Holder | null>;
}

/** Everything a call needs from the house. Built once, in app.ts. */
export interface CallDeps {
  config: () => GatewayConfig;
  gate: (address: string) => TrunkConfig | null;
  sip: SipSide;
  media: MediaPool;
  admissions: Admissions;
  channels: Channels;
  carriers: Carriers;
  trunks: TrunkWatch;
  drains: Drains;
  lineContacts: LineContacts;
  lineHealth: LineHealth;
  rotations: Rotations;
  store: CallStore;
  recordings: Recordings;
  lastKnown: LastKnownNumbers;
  callRates: CallRateSource;
  callers: Callers;
  promoCodes: PromoCodes;
  backlog: Backlog;
  metrics: CallMetrics;
  logger: Logger;
  /** Endpoint ids that want this event of this site; with no site (unknown number) those of every site. */
  endpointsFor: (site: string | null, type: EventType) => string[];
  /** Whether new calls are taken: not while draining. */
  accepting: () => boolean;
}
