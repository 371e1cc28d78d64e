import type { EditKind } from '../call/amendments.js';
import type { Call, RecordingInfo } from '../call/call.js';
import type { Drainable, Holder } from '../call/ports.js';
import type { RecordingAction } from '../call/media-ports.js';
import type { ArchivedErasure } from '../history/eraser.js';
import type { IndexState } from '../history/rebuilder.js';
import type { CallRates } from '../numbers/call-rates.js';
import type { Explanation } from '../routing/explain.js';
import type { Limit, LimitKind } from '../routing/limits.js';
import type { UseReader } from '../reports/ports.js';
import type { ListEntry } from '../screening/lists.js';
import type { SeenHealth } from '../health/health.js';
import type { TrunkState } from '../trunks/carriers/state.js';
import type { AuditActor } from '../recordings/audit.js';

/** What the HTTP interface reads from, in its own words; `redis/` implements it. Cursors are opaque to callers. */

export interface ExportedCall {
  id: string;
  startedAt: number;
  doc: string;
}

export interface CallReader {
  get(id: string): Promise<Call | null>;
  /**
   * By when they began, the oldest first. Times in ms since the epoch, `to` exclusive.
   * @param after the last call of the part before; null for the first
   * @returns `doc` is the call as JSON text
   */
  between(from: number, to: number, after: ExportedCall | null, limit: number): Promise<ExportedCall[]>;
}

/** An event of the feed. */
export interface FeedEvent {
  /** Where to go on from. */
  cursor: string;
  type: string;
  /** When it was written, ms since the epoch. */
  at: number;
  /** The event's JSON exactly as it was delivered. */
  body: string;
}

/** Why a reader cannot go on from its cursor as if nothing had happened. */
export interface FeedGap {
  /** `gone`: older than what is kept. `unknown`: of a feed that is no more. */
  gap: 'gone' | 'unknown';
  /** How many events there were in between; null where that cannot be known. */
  lost: number | null;
  /** Between which times, ISO 8601; null where that cannot be known. */
  from: string | null;
  to: string | null;
  /** Where to go on: before the oldest event that is kept. */
  next: string;
}

export interface FeedPage {
  events: FeedEvent[];
  /** Where to go on from, with or without events. */
  next: string;
  /** Set where the cursor cannot be gone on from; there are no events then. */
  gap: FeedGap | null;
  /** Nothing follows at this moment. */
  complete: boolean;
}

/** What has just happened, told to many. */
export interface LiveSource {
  /**
   * Calls `listener` with everything that is written from now on, in order; it must not throw. Resolves, once this
   * holds, to how to leave. Rejects with GW_ERR_REDIS_AWAY.
   */
  subscribe(listener: (events: readonly FeedEvent[]) => void): Promise<() => void>;
  /** Cursor up to which every listener has been told everything; null before the first one is let in. */
  place(): string | null;
}

/** Calls that have left the history. */
export interface ArchiveReader {
  /** Days (`2026-11-21`, UTC) on which archived calls began, the oldest first. */
  days(): Promise<string[]>;
  has(day: string): Promise<boolean>;
  /**
   * Those of one day, a JSON text each; none where nothing was archived.
   * @param caller only his, in E.164
   */
  day(day: string, caller: string | null): AsyncIterable<string>;
}

/** Changes of calls, living or ended. */
export interface CallEditor {
  /**
   * @param by name of the key that asks
   * @returns the call as amended; null where the gateway that has it will do it within seconds
   * @throws GatewayError GW_ERR_NOT_FOUND, GW_ERR_BAD_REQUEST where the call is full, GW_ERR_REDIS_AWAY
   */
  amend(callId: string, change: EditKind, by: string): Promise<Call | null>;
  /**
   * An operator's word whose call it was.
   * @param leaseId of one of the number's holders up to then; null: nobody's
   */
  correct(callId: string, leaseId: string | null, reason: string, by: string): Promise<Call | null>;
  /**
   * The promo code that the caller told an operator.
   * @throws GatewayError GW_ERR_BAD_REQUEST for a code that is nobody's now
   */
  correctByCode(callId: string, code: string, by: string): Promise<Call | null>;
  /** Who had the call's number up to then, the latest first: one of them may be named by `correct`. */
  holders(call: Call): Promise<Holder[]>;
}

/** The business has dialled a caller of ours, by its own PBX. */
export interface CallbackTold {
  /** In any notation. */
  number: string;
  /** null: wherever he waits. */
  sites: readonly string[] | null;
  /** When he was dialled, ms since the epoch. */
  at: number;
  /** 0: nobody answered. */
  talkSeconds: number;
  /** The phone or person of the business. */
  line: string | null;
  by: string;
}

export interface CallbackOutcome {
  /** Who no longer waits. */
  settled: { site: string | null; callId: string; waitedSeconds: number }[];
  /** Who waits on, and how often he has been called in vain. */
  tried: { site: string | null; callId: string; tries: number }[];
}

export interface CallbackDesk {
  /**
   * Telling it twice changes nothing.
   * @throws GatewayError GW_ERR_BAD_REQUEST for what is no number, GW_ERR_REDIS_AWAY
   */
  report(told: CallbackTold): Promise<CallbackOutcome>;
}

/** What was removed of one caller; it does not hold his number. */
export interface ErasureProof {
  id: string;
  /** ISO 8601. */
  at: string;
  /** Name of the key that asked. */
  by: string;
  calls: string[];
  events: number;
  /** Deliveries that waited, dead letters, and lines of the delivery log: of all endpoints. */
  queued: number;
  deadLetters: number;
  attempts: number;
  historyCalls: number;
  recordings: { callId: string; sha256: string | null; bytes: number | null }[];
  /** Ids of the calls whose recordings a legal hold keeps. */
  held: string[];
  /** Recordings that only this gateway's disk has. */
  away: { callId: string; gateway: string }[];
  /** `waiting`: archives in which he is not forgotten yet go on by themselves. */
  archive: ArchivedErasure['archive'];
  /** Calls that had left the history for the archive, so far. Their recordings are told above. */
  archived: string[];
}

/** Of a request to forget a caller: hundreds of calls with their recordings. */
export const ERASURE_TIMEOUT_MS = 60_000;

export interface CallerEraser {
  /**
   * @param by name of the key that asks
   * @param from address of the client
   * @throws GatewayError GW_ERR_CONFLICT while a call of his is in progress, GW_ERR_REDIS_AWAY
   */
  erase: (number: string, by: string, from: string | null) => Promise<ErasureProof>;
  /** What has become of an erasure in the archives; null for one that is not known. */
  archived: (id: string) => Promise<ArchivedErasure | null>;
}

/** The index that calls are searched by. All reject with GW_ERR_REDIS_AWAY. */
export interface HistoryIndexDesk {
  state(): Promise<IndexState>;
  /** Begins to make it anew from the calls, unless that is under way. */
  rebuild(): Promise<void>;
}

/** Block and allow lists of the sites, beside those of the configuration. */
export interface ScreeningEditor {
  hasSite(site: string): boolean;
  entries(site: string): Promise<ListEntry[]>;
  /** @throws GatewayError GW_ERR_BAD_REQUEST where the lists are full */
  set(site: string, pattern: string, list: ListEntry['list'], by: string): Promise<ListEntry>;
  /** False where it is on none. */
  remove(site: string, pattern: string): Promise<boolean>;
}

/** What is recorded of a talk while it goes on. */
export interface RecordingControl {
  /**
   * Doing again what is done already changes nothing.
   * @throws GatewayError GW_ERR_NOT_FOUND, GW_ERR_CONFLICT where this cannot be done now or not here, GW_ERR_MEDIA_COMMAND
   */
  act(callId: string, action: RecordingAction, by: RecordingSteerer): Promise<RecordingInfo>;
}

/** Who changes what is recorded; stands in the audit log. */
export interface RecordingSteerer {
  maySee: (site: string | null) => boolean;
  who: AuditActor;
  /** Address of the client. */
  from: string | null;
}

export interface EventReader {
  /**
   * Oldest first.
   * @param cursor of the last event the caller has; null for the oldest that is kept
   * @throws GatewayError GW_ERR_BAD_REQUEST for what is no cursor
   */
  after(cursor: string | null, limit: number): Promise<FeedPage>;
  /** Where to go on from for what happens from `at` (ms since the epoch) on. */
  cursorAt(at: number): string;
  /** Whether a cursor stands behind another one; one place may be named in several ways. */
  isAfter(cursor: string, other: string): boolean;
  live: LiveSource;
}

/** One limit as it is now. */
export interface LimitUse {
  kind: LimitKind;
  channels: { inUse: number; limit: number | null; peakToday: number };
}

export interface TrunkView extends TrunkState {
  limits: LimitUse[];
}

/** The phones that have registered for a line. */
export interface LineRegistrations {
  contacts: number;
  /** Of them, those that have stopped to answer keep-alives. */
  unreachable: number;
  userAgents: string[];
  /** When the last of them ends unless renewed; ISO 8601. */
  expiresAt: string | null;
  /** Each with where it registered from, and is rung. */
  phones: { address: string; port: number; userAgent: string; unreachable: boolean; expiresAt: string }[];
}

export interface LineView extends LimitUse {
  id: string;
  /** Its fixed address; null where phones register for it. */
  uri: string | null;
  /** `registered` and `unregistered` for lines that register, `fixed` for the others. */
  state: 'fixed' | 'registered' | 'unregistered';
  /** Taken out of service, for all gateways. */
  draining: boolean;
  /** Of its fixed address, as this gateway sees it; null where nobody asks (`health`). */
  health: SeenHealth | null;
  registrations: LineRegistrations | null;
}

export interface DestinationView extends LimitUse {
  id: string;
  number: string;
  trunk: string;
  /** Whether calls can be dialled through its trunk now; `registration` and `silence` are about those that come in. */
  trunkUp: boolean;
  /** Taken out of service, for all gateways. */
  draining: boolean;
}

/** What calls can go through, as it is now over all gateways. All reject with GW_ERR_REDIS_AWAY. */
export interface ResourceReader {
  /** `peakToday` is that of the day in this time zone. */
  trunks(timeZone: string): Promise<TrunkView[]>;
  lines(timeZone: string): Promise<LineView[]>;
  destinations(timeZone: string): Promise<DestinationView[]>;
  /** Takes it out of service, or back. Holds for all gateways; false where there is none with this id. */
  drain(kind: Drainable, id: string, on: boolean): Promise<boolean>;
  /** What would happen to a call to `number` at `at` (ms since the epoch). */
  explain(number: string, at: number): Promise<Explanation>;
}

/** For reports: what has been kept, and what is configured now. */
export interface ReportSource extends UseReader {
  limits(): Limit[];
  sites(): { id: string; timezone: string }[];
  /** Every site's pool as it is now. */
  pools(): Promise<PoolNow[]>;
}

export interface PoolNow {
  site: string;
  free: number;
  numbers: number;
  leaseSeconds: number;
  quarantineSeconds: number;
  rates: CallRates;
}

/** Whether new calls can be taken, and where not, why. */
export interface Readiness {
  ready: boolean;
  /** `redis`, `drachtio`, `media`, `accepting`, `recordings`; the detail is shown to anybody who asks. */
  checks: Record<string, { ok: boolean; detail?: string }>;
}

export interface MetricsPage {
  readonly contentType: string;
  render(): Promise<string>;
}

/** What came of a reload. */
export interface Reloaded {
  /** Keys that differ from those of the start and count only after the next one, like `redis.url`. */
  restart: string[];
  /** Limits below what is in use: those calls go on, and none is let in beside them until enough have ended. */
  exceeded: { key: string; limit: number; inUse: number }[];
}

/** The configuration of the running gateway. */
export interface ConfigReloader {
  /** Rejects with ConfigError where it is wrong: nothing has changed then. */
  reload(): Promise<Reloaded>;
}
