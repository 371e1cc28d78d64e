import { randomBytes } from 'node:crypto';
import type { Call, CallResources } from '../call/call.js';
import type { OrphanedCall } from '../call/orphans.js';
import type { CallChange, CallStore } from '../call/ports.js';
import type { OperationalEvent } from '../events/catalogue.js';
import { indexEntry } from '../history/slots.js';
import { countsOf } from '../reports/call-counts.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { RecentWrites } from './recent-writes.js';
import { asNumber, asStrings, asTexts, inRows, loadScript } from './scripts.js';

/**
 * A gateway that has not renewed its calls for this long is dead to its peers. Three renewals (one each 4 s) may be
 * missed; until then the caller of a dead gateway hears silence, so it should not be longer.
 */
const CALL_LEASE_MS = 15_000;
/**
 * For so long after that, its calls are left to who is connected to the same drachtio-server, since nobody else can
 * hang up on their callers: as a rule the dead gateway itself, started anew, which takes a lease to believe that they are lost.
 */
const LEFT_TO_EDGE_MS = 45_000;
/** As `history.retention` where nothing is said. */
const CALL_RETENTION_MS = 30 * 86_400_000;
/** Reports look back 92 days; the day at either end may be another one in the asker's time zone. */
const USE_RETENTION_MS = 93 * 86_400_000;
/** A repeat of an operational event after a lost reply comes within seconds. */
const REPEAT_WINDOW_MS = 600_000;

const TERMINAL: ReadonlySet<string> = new Set(['call.completed', 'call.missed', 'call.rejected']);

const commitScript = loadScript('commit-call');
const appendScript = loadScript('append-event');
const renewScript = loadScript('renew-live');
const claimScript = loadScript('claim-orphans');
const exportScript = loadScript('export-calls');

export interface CallStoreHooks {
  /** Deliveries were queued for these endpoints: wake their workers at once. */
  onQueued?: (endpoints: string[]) => void;
  /** The end of a call was written. */
  onEnded?: (call: Call) => void;
  /** A commit was dropped because a peer has taken the call over; the call here should be let go. */
  onForeign?: (callId: string) => void;
}

export interface CallStoreOptions {
  /** Names this run of the gateway. Must differ from run to run: a restarted gateway does not know its former calls. */
  owner?: string;
  leaseMs?: number;
  leftToEdgeMs?: number;
  /** How long lists of calls reach back (`history.retention`); the calls themselves stay until they are archived. */
  retentionMs?: () => number;
}

/** Calls and events in Redis (`CallStore` of call/ports.ts, and what reads it back). */
export class RedisCallStore implements CallStore {
  readonly owner: string;
  readonly #link: RedisLink;
  readonly #recent: RecentWrites;
  readonly #keys: Keys;
  readonly #hooks: CallStoreHooks;
  readonly #leaseMs: number;
  readonly #leftToEdgeMs: number;
  readonly #retentionMs: () => number;
  /** Of the last commit: Redis ignores one that a later one has overtaken. */
  #revision = 0;

  constructor(link: RedisLink, keys: Keys, options: CallStoreOptions = {}, hooks: CallStoreHooks = {}) {
    this.#link = link;
    this.#recent = new RecentWrites(link);
    this.#keys = keys;
    this.#hooks = hooks;
    this.owner = options.owner ?? randomBytes(8).toString('hex');
    this.#leaseMs = options.leaseMs ?? CALL_LEASE_MS;
    this.#leftToEdgeMs = options.leftToEdgeMs ?? LEFT_TO_EDGE_MS;
    this.#retentionMs = options.retentionMs ?? (() => CALL_RETENTION_MS);
  }

  /** As in the port. A change of a call that a peer has taken over is dropped, and told through `onForeign`. */
  async commit(change: CallChange): Promise<void> {
    const { call, events, endpoints } = change;
    const perEvent = events.flatMap((event, i) => {
      const interested = endpoints[i] ?? [];
      const { id, type, timestamp, sequence, body } = event;
      return [id, type, timestamp, sequence, body, interested.length, ...interested];
    });
    const written = this.#recent.run({
      script: commitScript,
      keys: [
        this.#keys.call(call.id),
        this.#keys.liveCalls(),
        this.#keys.recentCalls(),
        this.#keys.events(),
        this.#keys.endpoints(),
        this.#keys.historyDue(),
      ],
      args: [
        call.id,
        this.owner,
        JSON.stringify(call),
        JSON.stringify(change.resources),
        this.#leaseMs,
        change.closed ? 1 : 0,
        Date.parse(call.startedAt),
        this.#retentionMs(),
        this.#keys.outboxPrefix(),
        (this.#revision += 1),
        this.#keys.callHours(),
        call.disposition === null
          ? ''
          : JSON.stringify(countsOf(call).map(({ hour, key, count }) => [hour, JSON.stringify(key), count])),
        USE_RETENTION_MS,
        call.caller.number === null ? '' : this.#keys.callsOf(call.caller.number),
        this.#keys.history(),
        indexEntry(call),
        call.caller.number !== null || call.attribution.verdict === 'deferred' ? 1 : 0,
        events.length,
        ...perEvent,
      ],
      read: String,
    });
    // Whoever delivers asks right behind this change: his request leaves with it, and Redis answers them in turn.
    this.#queued(endpoints.flat());
    const outcome = await written;
    if (outcome === 'foreign') this.#hooks.onForeign?.(call.id);
    if (outcome === 'written' && events.some(({ type }) => TERMINAL.has(type))) this.#hooks.onEnded?.(call);
  }

  /**
   * An event that belongs to no call. Events of the same `subject` (a trunk, a site) are delivered in order.
   * Repeating it within ten minutes writes nothing twice. Rejects with GW_ERR_REDIS_AWAY.
   */
  async appendOperational(event: OperationalEvent, subject: string, endpoints: string[]): Promise<void> {
    await this.#recent.run({
      script: appendScript,
      keys: [this.#keys.events(), this.#keys.endpoints(), this.#keys.eventMark(event.id)],
      args: [
        event.id,
        event.type,
        event.timestamp,
        JSON.stringify(event),
        `about:${subject}`,
        this.#keys.outboxPrefix(),
        REPEAT_WINDOW_MS,
        ...endpoints,
      ],
      read: String,
    });
    this.#queued(endpoints);
  }

  /** Several times per `CALL_LEASE_MS`. Returns the calls that a peer has taken over. Rejects with GW_ERR_REDIS_AWAY. */
  async renewLive(callIds: string[]): Promise<string[]> {
    if (callIds.length === 0) return [];
    return this.#link.run({
      script: renewScript,
      keys: [this.#keys.liveCalls()],
      args: [this.owner, this.#leaseMs, this.#keys.callPrefix(), ...callIds],
      read: (reply) => asStrings(reply).filter((id) => id !== null),
    });
  }

  /**
   * Takes over up to `most` calls whose gateway has stopped renewing them: those of this edge first, those of others where
   * nobody of their own edge has come for them. None while the link is younger than a lease: after an outage of Redis all
   * leases have passed, and living peers must have had the time to renew theirs.
   */
  async claimOrphans(edge: string, most: number): Promise<OrphanedCall[]> {
    if (this.#link.upForMs < this.#leaseMs) return [];
    return this.#link.run({
      script: claimScript,
      keys: [this.#keys.liveCalls()],
      args: [this.owner, this.#leaseMs, this.#keys.callPrefix(), most, edge, this.#leftToEdgeMs],
      read: (reply) => readOrphans(reply, this.#leaseMs),
    });
  }

  /** A call of the last 30 days, living or ended; null when unknown. */
  async get(callId: string): Promise<Call | null> {
    const json = await this.#link.send((client) => client.hget(this.#keys.call(callId), 'doc'));
    return json === null ? null : (JSON.parse(json) as Call);
  }

  /** Calls by when they began (ms, `to` exclusive), the oldest first; `doc` is the document's JSON, "" where it is gone. */
  async between(
    from: number,
    to: number,
    after: { id: string; startedAt: number } | null,
    limit: number,
  ): Promise<{ id: string; startedAt: number; doc: string }[]> {
    return this.#link.run({
      script: exportScript,
      keys: [this.#keys.recentCalls()],
      args: [from, to, after?.id ?? '', after?.startedAt ?? 0, limit, this.#keys.callPrefix()],
      read: (reply) =>
        inRows(asTexts(reply), 3).map(([id = '', startedAt, doc = '']) => ({ id, startedAt: Number(startedAt), doc })),
    });
  }

  #queued(endpoints: string[]): void {
    if (endpoints.length > 0) this.#hooks.onQueued?.([...new Set(endpoints)]);
  }
}

function readOrphans(reply: unknown, leaseMs: number): OrphanedCall[] {
  return inRows(asTexts(reply), 4).map(([doc = '', resources = '', sequence, leaseEnd]) => ({
    call: JSON.parse(doc) as Call,
    // A gateway of an earlier release wrote none.
    resources: { invites: [], ...(JSON.parse(resources) as Omit<CallResources, 'invites'>) },
    sequence: asNumber(sequence),
    heardOfAt: asNumber(leaseEnd) - leaseMs,
  }));
}
