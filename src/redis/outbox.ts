import type { Backlog, Delivery, DeliveryQueue, Settled, Settlement } from '../webhooks/queue.js';
import type { RedisLink } from './connection.js';
import { GatewayError } from '../lib/errors.js';
import type { Keys } from './keys.js';
import { asArray, asNumber, asStrings, loadScript } from './scripts.js';

/**
 * The outbox: what is still to be delivered to whom. Scripts `commit-call` and `append-event` fill it in the same step
 * as the stream of events; everything lives in the hash tag `{calls}`.
 *
 * For each endpoint, with `key` the ordering key (the call's id):
 * - `todo:<key>`  list of stream ids not yet delivered, the head first: a failing head blocks its own call only;
 * - `due`         key → time of the next attempt; `flight` key → end of the lease of who is attempting it now.
 *                 A key stands in one of the two for as long as its list is not empty, so what a dead worker held
 *                 comes back by itself when its lease has passed;
 * - `tries`       key → attempts at the head, and the fence against a worker that comes back after its lease;
 * - `health`      failures in a row over different keys, and when a failing endpoint may be probed again (one at a time);
 * - `backlog`     stream id → its ms: how many are undelivered, and how old is the oldest;
 * - `dead`        stream of dead letters, each with the event's text.
 *
 * Retention: the stream of events is trimmed by age and count, but never past the oldest undelivered event, which is
 * the lowest entry of the backlogs: one look per endpoint. Endpoints that no gateway has served for a week have left
 * the configuration; what was queued for them is dropped and no longer holds the stream.
 */

/** The pull side (`events` of the call store) reaches back this far. */
const EVENT_RETENTION_MS = 7 * 86_400_000;
/** About 2 kB each: a bound on memory, not a promise. */
const EVENT_RETENTION_COUNT = 500_000;
const UNSERVED_MS = 7 * 86_400_000;
const DEAD_RETENTION_MS = 30 * 86_400_000;
const TRIM_STEPS = 1_000;
/** Failures in a row, of different calls, after which an endpoint is probed only. */
const FAILING_AFTER = 3;
const PROBE_FIRST_MS = 1_000;
const PROBE_MOST_MS = 60_000;

const claimScript = loadScript('claim-deliveries');
const settleScript = loadScript('settle-delivery');
const trimScript = loadScript('trim-events');

export interface OutboxLimits {
  eventRetentionMs?: number;
  eventRetentionCount?: number;
  unservedMs?: number;
  probeFirstMs?: number;
}

export class RedisOutbox implements DeliveryQueue {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #limits: Required<OutboxLimits>;

  constructor(link: RedisLink, keys: Keys, limits: OutboxLimits = {}) {
    this.#link = link;
    this.#keys = keys;
    this.#limits = {
      eventRetentionMs: EVENT_RETENTION_MS,
      eventRetentionCount: EVENT_RETENTION_COUNT,
      unservedMs: UNSERVED_MS,
      probeFirstMs: PROBE_FIRST_MS,
      ...limits,
    };
  }

  async claim(endpoint: string, most: number, leaseMs: number): Promise<{ deliveries: Delivery[]; lost: number }> {
    return this.#link.run({
      script: claimScript,
      keys: this.#endpointKeys(endpoint),
      args: [most, leaseMs, FAILING_AFTER, this.#keys.todoPrefix(endpoint)],
      read: (reply) => {
        const [lost, flat] = asArray(reply);
        return { lost: asNumber(lost), deliveries: readDeliveries(endpoint, asStrings(flat)) };
      },
    });
  }

  async settle(delivery: Delivery, settlement: Settlement): Promise<Settled> {
    const { endpoint, orderingKey, cursor, attempt } = delivery;
    const retry = settlement.outcome === 'retry' ? settlement : null;
    const keys = [...this.#endpointKeys(endpoint), this.#keys.dead(endpoint)];
    return this.#link.run({
      script: settleScript,
      keys: [...keys, this.#keys.todoPrefix(endpoint) + orderingKey],
      args: [
        orderingKey,
        cursor,
        attempt,
        settlement.outcome,
        Math.round(retry?.delayMs ?? 0),
        Math.round(retry?.pauseMs ?? 0),
        FAILING_AFTER,
        this.#limits.probeFirstMs,
        PROBE_MOST_MS,
        settlement.outcome === 'dead' ? settlement.reason : '',
      ],
      read: readSettled,
    });
  }

  async backlog(endpoints: string[]): Promise<Map<string, Backlog>> {
    const replies = await this.#link.pipeline((pipe) => {
      for (const endpoint of endpoints) {
        const backlog = this.#keys.backlog(endpoint);
        pipe.zcard(backlog).zrange(backlog, 0, 0, 'WITHSCORES').xlen(this.#keys.dead(endpoint));
      }
    });
    for (const reply of replies) if (reply instanceof GatewayError) throw reply;
    return new Map(
      endpoints.map((endpoint, i) => {
        const [events, oldest, dead] = replies.slice(3 * i, 3 * i + 3);
        const [, score] = asStrings(oldest);
        return [endpoint, { events: asNumber(events), oldestAt: score ? asNumber(score) : null, dead: asNumber(dead) }];
      }),
    );
  }

  async trim(served: string[]): Promise<{ trimmed: number; dropped: number }> {
    const { eventRetentionMs, eventRetentionCount, unservedMs } = this.#limits;
    return this.#link.run({
      script: trimScript,
      keys: [this.#keys.events(), this.#keys.endpoints()],
      args: [
        eventRetentionMs,
        eventRetentionCount,
        this.#keys.outboxPrefix(),
        unservedMs,
        TRIM_STEPS,
        DEAD_RETENTION_MS,
        ...served,
      ],
      read: (reply) => {
        const [trimmed, dropped] = asArray(reply).map(asNumber);
        return { trimmed: trimmed ?? 0, dropped: dropped ?? 0 };
      },
    });
  }

  #endpointKeys(endpoint: string): string[] {
    const { due, flight, tries, health, backlog, events } = this.#keys;
    return [due(endpoint), flight(endpoint), tries(endpoint), health(endpoint), backlog(endpoint), events()];
  }
}

const FIELDS_PER_DELIVERY = 7;

function readDeliveries(endpoint: string, flat: (string | null)[]): Delivery[] {
  const deliveries: Delivery[] = [];
  for (let i = 0; i < flat.length; i += FIELDS_PER_DELIVERY) {
    const [orderingKey, cursor, attempt, ageMs, eventId, timestamp, body] = flat
      .slice(i, i + FIELDS_PER_DELIVERY)
      .map((field) => field ?? '');
    deliveries.push({
      endpoint,
      orderingKey: orderingKey ?? '',
      cursor: cursor ?? '',
      attempt: asNumber(attempt),
      ageMs: asNumber(ageMs),
      eventId: eventId ?? '',
      timestamp: timestamp ?? '',
      body: body ?? '',
    });
  }
  return deliveries;
}

function readSettled(reply: unknown): Settled {
  const [applied, more, failing, changed] = asArray(reply).map(asNumber);
  const turned = failing === 1 ? 'failing' : 'recovered';
  return { applied: applied === 1, more: more === 1, turned: changed === 1 ? turned : null };
}
