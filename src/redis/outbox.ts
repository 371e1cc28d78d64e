import {
  deliveredOf,
  type Appetite,
  type Backlog,
  type Batch,
  type Delivery,
  type DeliveryQueue,
  type DisableReason,
  type Drop,
  type Ended,
  type Turn,
} from '../webhooks/queue.js';
import type { OperationalEventType } from '../call/event-types.js';
import { newEventId } from '../lib/ids.js';
import type { RedisLink } from './connection.js';
import { GatewayError } from '../lib/errors.js';
import { writeLogLine } from './delivery-log.js';
import type { Keys } from './keys.js';
import { asArray, asBuffer, asNumber, asStrings, asTexts, inRows, loadScript } from './scripts.js';

/**
 * The outbox: what is still to be delivered to whom. Scripts `commit-call` and `append-event` fill it in the same step
 * as the stream of events; everything lives in the hash tag `{calls}`.
 *
 * For each endpoint, with `key` the ordering key (the call's id):
 * - `todo:<key>`  list of stream ids not yet delivered, the head first: a failing head blocks its own call only;
 * - `due`         key → time of the next attempt; `flight` key → end of the lease of who is attempting it now.
 *                 A key stands in one of the two for as long as its list is not empty, so what a dead worker held
 *                 comes back by itself when its lease has passed;
 * - `tries`       key → attempts at the head. With `flight` it is the fence against a worker that comes back after its
 *                 lease. A worker leases what waits of a key together, so this is written once for all of it;
 * - `health`      first attempts that failed in a row, and when a failing endpoint may be probed again (one at a time);
 * - `failed`      keys that have failed since then: they go out when it answers again;
 * - `backlog`     stream id → its ms (when it was queued again, where it brings its own text): how many are undelivered, and
 *                 how old is the oldest;
 * - `dead`        stream of dead letters, each with the event's text.
 *
 * - `disabled` stands while nothing is sent to the endpoint: everything waits;
 * - `config`   the configuration that counts, while gateways with a former one still work;
 * - `replays`  when an event was queued again, for its age;
 * - `log`      stream of attempts, to be looked at (`redis/delivery-archive.ts`).
 *
 * Retention: the stream of events is trimmed by age and count, but never past the oldest undelivered event, which is
 * the lowest entry of the backlogs: one look per endpoint. What is undelivered has bounds of its own (30 days, a million
 * events an endpoint and as many dead letters, a week where no gateway serves it); what is dropped there is told as
 * `events.dropped`.
 */

/** The pull side (`events` of the call store) reaches back this far. */
const EVENT_RETENTION_MS = 7 * 86_400_000;
/** About 2 kB each: a bound on memory, not a promise. */
const EVENT_RETENTION_COUNT = 500_000;
const UNSERVED_MS = 7 * 86_400_000;
const DEAD_RETENTION_MS = 30 * 86_400_000;
/** What an endpoint that is disabled, or that nobody can reach, may have waiting for it. */
const UNDELIVERED_MS = 30 * 86_400_000;
const UNDELIVERED_COUNT = 1_000_000;
/** An event of ours is appended once; the mark need not last. */
const MARK_MS = 60_000;
/** What every gateway would tell; one may see Redis again hours after the others. */
const COMMON_MARK_MS = 86_400_000;
const TRIM_STEPS = 1_000;
/** First attempts that failed in a row, after which an endpoint is probed only. */
export const FAILING_AFTER = 3;
const PROBE_FIRST_MS = 1_000;
const PROBE_MOST_MS = 60_000;

/** As long as the call itself. */
const TOLD_RETENTION_MS = 30 * 86_400_000;
/** Attempts that can be looked at, per endpoint. */
const LOG_LENGTH = 50_000;

const workScript = loadScript('work-deliveries');
const trimScript = loadScript('trim-events');
const switchScript = loadScript('switch-endpoint');
const tellDeadScript = loadScript('tell-dead');
const appendScript = loadScript('append-event');

export interface OutboxLimits {
  eventRetentionMs?: number;
  eventRetentionCount?: number;
  unservedMs?: number;
  undeliveredMs?: number;
  undeliveredCount?: number;
  probeFirstMs?: number;
}

export interface OutboxOptions {
  limits?: OutboxLimits;
  /** Ids of the endpoints that want events of a type. */
  wanting?: (type: OperationalEventType) => string[];
  /** Deliveries were queued for these endpoints. */
  onQueued?: (endpoints: string[]) => void;
}

export class RedisOutbox implements DeliveryQueue {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #options: OutboxOptions;
  readonly #limits: Required<OutboxLimits>;

  constructor(link: RedisLink, keys: Keys, options: OutboxOptions = {}) {
    this.#link = link;
    this.#keys = keys;
    this.#options = options;
    this.#limits = {
      eventRetentionMs: EVENT_RETENTION_MS,
      eventRetentionCount: EVENT_RETENTION_COUNT,
      unservedMs: UNSERVED_MS,
      undeliveredMs: UNDELIVERED_MS,
      undeliveredCount: UNDELIVERED_COUNT,
      probeFirstMs: PROBE_FIRST_MS,
      ...options.limits,
    };
  }

  async work(endpoint: string, ended: readonly Ended[], appetite: Appetite): Promise<Turn> {
    const { most, mostOfKey, leaseMs, fingerprint = '' } = appetite;
    const { due, flight, tries, health, failed, backlog, events, dead, disabled, replays, deliveryLog } = this.#keys;
    const others = [dead, disabled, replays, deliveryLog, this.#keys.endpointConfig];
    const own = [due, flight, tries, health, failed, backlog].map((name) => name(endpoint));
    const args: (string | number)[] = [most, mostOfKey, leaseMs, FAILING_AFTER];
    args.push(this.#limits.probeFirstMs, PROBE_MOST_MS);
    args.push(
      this.#keys.todoPrefix(endpoint),
      this.#keys.toldPrefix(),
      TOLD_RETENTION_MS,
      endpoint,
      LOG_LENGTH,
      fingerprint,
    );
    for (const one of ended) pushEnded(args, one);
    return this.#link.run({
      script: workScript,
      keys: [...own, events(), ...others.map((name) => name(endpoint))],
      args,
      bytes: true,
      read: (reply) => readTurn(endpoint, reply),
    });
  }

  async backlog(endpoints: string[]): Promise<Map<string, Backlog>> {
    const replies = await this.#link.pipeline((pipe) => {
      for (const endpoint of endpoints) {
        const backlog = this.#keys.backlog(endpoint);
        pipe.zcard(backlog).zrange(backlog, 0, 0, 'WITHSCORES').xlen(this.#keys.dead(endpoint));
        pipe.exists(this.#keys.disabled(endpoint));
      }
    });
    return new Map(
      endpoints.map((endpoint, i) => {
        const [events, oldest, dead, disabled] = replies.slice(4 * i, 4 * i + 4);
        const [, score] = asStrings(oldest);
        const oldestAt = score ? asNumber(score) : null;
        return [endpoint, { events: asNumber(events), oldestAt, dead: asNumber(dead), disabled: disabled === 1 }];
      }),
    );
  }

  async identity(): Promise<string> {
    // A full Redis takes no new name, and tells the one that it has.
    const [, identity] = await this.#link.pipelineSettled((pipe) => {
      pipe.setnx(this.#keys.identity(), newEventId()).get(this.#keys.identity());
    });
    if (identity instanceof GatewayError) throw identity;
    return String(identity);
  }

  /** In pieces, between which others get their turn at Redis, for as long as there is more to go and it gets less. */
  async trim(served: string[]): Promise<{ trimmed: number; drops: Drop[] }> {
    const sum = { trimmed: 0, drops: [] as Drop[] };
    for (;;) {
      const { trimmed, more, drops } = await this.#trimPiece(served);
      sum.trimmed += trimmed;
      sum.drops.push(...drops);
      if (trimmed === 0 || !more) return sum;
    }
  }

  async #trimPiece(served: string[]): Promise<{ trimmed: number; more: boolean; drops: Drop[] }> {
    const limits = this.#limits;
    const { id, timestamp, endpoints } = this.#telling('events.dropped');
    const piece = await this.#link.run({
      script: trimScript,
      keys: [this.#keys.events(), this.#keys.endpoints(), this.#keys.erasedEvents()],
      args: [
        limits.eventRetentionMs,
        limits.eventRetentionCount,
        this.#keys.outboxPrefix(),
        limits.unservedMs,
        TRIM_STEPS,
        DEAD_RETENTION_MS,
        limits.undeliveredMs,
        limits.undeliveredCount,
        id.slice('evt_'.length, -8),
        'events.dropped',
        timestamp,
        endpoints.length,
        ...endpoints,
        ...served,
      ],
      read: (reply) => {
        const [trimmed, more, flat] = asArray(reply);
        return { trimmed: asNumber(trimmed), more: more === 1, drops: readDrops(flat) };
      },
    });
    if (piece.drops.length > 0) this.#options.onQueued?.(endpoints);
    return piece;
  }

  disable(endpoint: string, reason: DisableReason, fingerprint: string): Promise<boolean> {
    return this.#switch('disable', endpoint, reason, fingerprint);
  }

  enable(endpoint: string): Promise<boolean> {
    return this.#switch('enable', endpoint, 'request', '');
  }

  reconfigured(endpoint: string, fingerprint: string): Promise<boolean> {
    return this.#switch('reconfigure', endpoint, 'configuration', fingerprint);
  }

  async tellDead(endpoint: string): Promise<number> {
    const type = 'webhook.dead_letter';
    const { id, timestamp, endpoints } = this.#telling(type, endpoint);
    const told = await this.#link.run({
      script: tellDeadScript,
      keys: [this.#keys.dead(endpoint), this.#keys.deadTold(endpoint), this.#keys.events(), this.#keys.endpoints()],
      args: [endpoint, this.#keys.outboxPrefix(), id, type, timestamp, ...endpoints],
      read: asNumber,
    });
    if (told > 0) this.#options.onQueued?.(endpoints);
    return told;
  }

  async tellMissing(endpoint: string, events: number, once?: string): Promise<boolean> {
    const type = 'events.dropped';
    const { id, timestamp, endpoints } = this.#telling(type, endpoint);
    const data = { endpoint, events, reason: 'missing', oldestSeconds: null } as const;
    const mark = once === undefined ? id : `missing ${once} ${endpoint}`;
    const outcome = await this.#link.run({
      script: appendScript,
      keys: [this.#keys.events(), this.#keys.endpoints(), this.#keys.eventMark(mark)],
      args: [
        ...[id, type, timestamp, JSON.stringify({ id, type, timestamp, data }), `about:webhook ${endpoint}`],
        ...[this.#keys.outboxPrefix(), once === undefined ? MARK_MS : COMMON_MARK_MS, ...endpoints],
      ],
      read: String,
    });
    if (outcome !== 'written') return false;
    this.#options.onQueued?.(endpoints);
    return true;
  }

  async #switch(
    action: 'disable' | 'enable' | 'reconfigure',
    endpoint: string,
    reason: string,
    fingerprint: string,
  ): Promise<boolean> {
    const type = action === 'disable' ? 'webhook.disabled' : 'webhook.enabled';
    const { id, timestamp, endpoints } = this.#telling(type, endpoint);
    const { disabled, health, failed, due, backlog } = this.#keys;
    const changed = await this.#link.run({
      script: switchScript,
      keys: [
        ...[disabled, health, failed, due, backlog].map((name) => name(endpoint)),
        this.#keys.events(),
        this.#keys.endpoints(),
        this.#keys.endpointConfig(endpoint),
      ],
      args: [action, endpoint, reason, fingerprint, this.#keys.outboxPrefix(), id, type, timestamp, ...endpoints],
      read: (reply) => asNumber(reply) === 1,
    });
    if (changed) this.#options.onQueued?.(endpoints);
    return changed;
  }

  /** The envelope of an event about `endpoint`, for all others that want it. */
  #telling(type: OperationalEventType, endpoint?: string) {
    const endpoints = this.#options.wanting?.(type).filter((id) => id !== endpoint) ?? [];
    return { id: newEventId(), timestamp: new Date().toISOString(), endpoints };
  }
}

function readDrops(reply: unknown): Drop[] {
  return inRows(asTexts(reply), 3).map(([endpoint = '', reason, events]) => {
    return { endpoint, reason: reason as Drop['reason'], events: Number(events) };
  });
}

function pushEnded(args: (string | number)[], ended: Ended): void {
  const { batch, traces, settlement } = ended;
  const { orderingKey, deliveries } = batch;
  const retry = settlement.outcome === 'retry' ? settlement : null;
  const detail = settlement.outcome === 'dead' ? settlement.reason : Math.round(retry?.delayMs ?? 0);
  args.push(orderingKey, deliveries[0]?.cursor ?? '', deliveries[0]?.attempt ?? 0, settlement.outcome, detail);
  const verdict = settlement.outcome === 'dead' && settlement.verdict === true;
  args.push(verdict ? 1 : 0, Math.round(retry?.pauseMs ?? 0), traces.length);
  const delivered = deliveredOf(ended);
  traces.forEach((trace, i) => {
    const delivery = deliveries[i] as Delivery;
    const outcome = i < delivered ? 'delivered' : settlement.outcome === 'dead' ? 'dead' : 'retry';
    args.push(delivery.cursor, delivery.eventId, writeLogLine(delivery, trace, outcome));
  });
}

function readTurn(endpoint: string, reply: unknown): Turn {
  const [lost, disabled, failing, changed, failingMs, nextMs, applied, flat] = asArray(reply);
  const state = disabled === 1 ? 'disabled' : failing === 1 ? 'failing' : 'up';
  return {
    lost: asNumber(lost),
    state,
    failingMs: asNumber(failingMs),
    turned: changed === 1 ? (failing === 1 ? 'failing' : 'recovered') : null,
    nextMs: nextMs === -1 ? null : asNumber(nextMs),
    applied: asArray(applied).map((one) => one === 1),
    batches: readBatches(endpoint, asArray(flat)),
  };
}

const FIELDS_OF_BATCH = 4;
const FIELDS_OF_DELIVERY = 6;

function readBatches(endpoint: string, flat: unknown[]): Batch[] {
  const batches: Batch[] = [];
  for (let at = 0; at < flat.length;) {
    const [orderingKey, attempt, followed, count] = flat.slice(at, at + FIELDS_OF_BATCH);
    const key = String(orderingKey);
    const deliveries: Delivery[] = [];
    at += FIELDS_OF_BATCH;
    for (let i = 0; i < asNumber(count); i += 1, at += FIELDS_OF_DELIVERY)
      deliveries.push({
        endpoint,
        orderingKey: key,
        attempt: i === 0 ? asNumber(attempt) : 1,
        cursor: String(flat[at]),
        ageMs: asNumber(flat[at + 1]),
        eventId: String(flat[at + 2]),
        type: String(flat[at + 3]),
        timestamp: String(flat[at + 4]),
        body: asBuffer(flat[at + 5]),
      });
    batches.push({ orderingKey: key, deliveries, followed: followed === 1 });
  }
  return batches;
}
