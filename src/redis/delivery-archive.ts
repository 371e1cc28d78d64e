import { GatewayError } from '../lib/errors.js';
import {
  isWanted,
  type DeliveryArchive,
  type EndpointState,
  type FeedEvent,
  type FoundEvent,
  type LoggedAttempt,
  type LogQuery,
  type Outcome,
  type Revived,
} from '../webhooks/archive.js';
import type { DisableReason } from '../webhooks/queue.js';
import type { RedisLink } from './connection.js';
import { eventCursorOf, readLogEntry } from './delivery-log.js';
import { RedisEventFeed } from './event-feed.js';
import { eventAt, millisOf } from './feed-cursor.js';
import type { Keys } from './keys.js';
import { FAILING_AFTER, type RedisOutbox } from './outbox.js';
import { asArray, asNumber, asStrings, fieldsOf, loadScript } from './scripts.js';

const requeueScript = loadScript('requeue-events');

const PAGE = 1_000;
/** Entries of the log that one question may pass over. */
const MOST_PASSED = 10_000;
/** An event is written within moments of its id; while Redis is away, later. */
const BEFORE_ID_MS = 10_000;
const EVENT_ID = /^evt_[0-9a-f]{32}$/;
/** Longest that one step of Redis takes. */
const STEP_MS = 1_000;

/** The delivery log, the told calls and the dead letters; scripts `work-deliveries` and `requeue-events` write them. */
export class RedisDeliveryArchive implements DeliveryArchive {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly outbox: RedisOutbox,
  ) {}

  async states(endpoints: string[]): Promise<EndpointState[]> {
    const backlogs = await this.outbox.backlog(endpoints);
    const replies = await this.link.pipeline((pipe) => {
      for (const endpoint of endpoints) {
        pipe.hmget(this.keys.health(endpoint), 'failures', 'since', 'probeAt', 'quietUntil');
        pipe.hmget(this.keys.disabled(endpoint), 'at', 'reason');
      }
    });
    return endpoints.map((endpoint, i) => {
      const [failures, since, ...opens] = asStrings(replies[2 * i]);
      const [at, reason] = asStrings(replies[2 * i + 1]);
      const failing = Number(failures ?? 0) >= FAILING_AFTER;
      return {
        ...(backlogs.get(endpoint) ?? { events: 0, oldestAt: null, dead: 0, disabled: false }),
        disabledSince: at ? { at: Number(at), reason: reason as DisableReason } : null,
        failures: Number(failures ?? 0),
        failing,
        failingSince: since ? Number(since) : null,
        nextProbeAt: failing ? Math.max(...opens.map(Number)) || null : null,
      };
    });
  }

  async attempts(endpoint: string, query: LogQuery): Promise<{ attempts: LoggedAttempt[]; next: string | null }> {
    const found: LoggedAttempt[] = [];
    let end = query.before === null ? endBefore(query.to) : `(${query.before}`;
    for (let passed = 0; passed < MOST_PASSED; passed += PAGE) {
      const start = startOf(query.from);
      const page = await this.#log(endpoint, end, start, Math.min(PAGE, MOST_PASSED));
      for (const attempt of page) {
        if (!isWanted(attempt, query)) continue;
        found.push(attempt);
        if (found.length === query.limit) return { attempts: found, next: attempt.cursor };
      }
      const last = page.at(-1);
      if (page.length < PAGE || !last) return { attempts: found, next: null };
      end = `(${last.cursor}`;
    }
    return { attempts: found, next: end.slice(1) };
  }

  async ofCall(endpoint: string, callId: string): Promise<LoggedAttempt[]> {
    const told = await this.link.send((client) => client.hgetall(this.keys.toldPrefix() + callId));
    const own = Object.entries(told).filter(([field]) => field.startsWith(`${endpoint} `));
    const logged = await this.link.pipelineSettled((pipe) => {
      for (const [, value] of own) {
        const entry = value.split(' ')[2] ?? '0-0';
        pipe.xrange(this.keys.deliveryLog(endpoint), entry, entry);
      }
    });
    const attempts = own.map(([field, value], i) => {
      const [entry] = asArray(logged[i] instanceof GatewayError ? [] : logged[i]) as [string, string[]][];
      return entry ? readLogEntry(entry) : outline(field, value, callId);
    });
    return attempts.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at));
  }

  async find(endpoint: string, asked: string): Promise<FoundEvent | null> {
    const place = eventAt(asked);
    if (place === null && !EVENT_ID.test(asked)) return null;
    const event = place === null ? await this.#inFeed(asked) : await this.#at(place);
    if (place !== null && event === null) return null;
    const eventId = event?.eventId ?? asked;
    const attempt = await this.#lastAttempt(endpoint, eventId, event?.callId);
    if (attempt === null) return event && { event, letter: null };
    const letter = await this.#letterOf(endpoint, eventId, attempt);
    if (letter) return letter;
    const kept = event ?? (await this.#ofLog(endpoint, attempt));
    return kept && { event: kept, letter: null };
  }

  async #inFeed(eventId: string): Promise<FeedEvent | null> {
    let after: string | number = writtenAt(eventId) - BEFORE_ID_MS;
    for (let passed = 0; passed < MOST_PASSED; passed += PAGE) {
      const page = await this.feed(after, Infinity, PAGE);
      const event = page.find((one) => one.eventId === eventId);
      if (event) return event;
      if (page.length < PAGE) break;
      after = page.at(-1)?.cursor ?? after;
    }
    return null;
  }

  async feed(after: string | number, to: number, limit: number): Promise<FeedEvent[]> {
    const start = typeof after === 'number' ? startOf(after) : `(${after}`;
    const entries = await this.link.send((client) =>
      client.xrange(this.keys.events(), start, endBefore(to), 'COUNT', limit),
    );
    return entries.map(readFeed);
  }

  async keptFrom(from: number): Promise<string | null> {
    const feed = new RedisEventFeed(this.link, this.keys);
    const { gap } = await feed.after(feed.cursorAt(from), 1);
    return gap?.gap === 'gone' ? (gap.to ?? new Date().toISOString()) : null;
  }

  async requeue(endpoint: string, events: readonly FeedEvent[]): Promise<number> {
    if (events.length === 0) return 0;
    const items = events.flatMap(({ cursor, orderingKey }) => [cursor, orderingKey]);
    return count(await this.#requeue(endpoint, 'events', items));
  }

  async repeat(endpoint: string, { event, letter }: FoundEvent): Promise<number> {
    if (letter === null) return this.requeue(endpoint, [event]);
    return count(await this.#requeue(endpoint, 'dead', [letter, '']));
  }

  async revive(endpoint: string, most: number, given: string | null): Promise<Revived> {
    const dead = this.keys.dead(endpoint);
    const until = given ?? (await this.link.send((client) => client.xrevrange(dead, '+', '-', 'COUNT', 1)))[0]?.[0];
    if (until === undefined) return { queued: 0, seen: 0, next: null };
    const found = await this.link.send((client) => client.xrange(dead, '-', until, 'COUNT', most + 1));
    const letters = found.slice(0, most);
    const items = letters.flatMap(([cursor]) => [cursor, '']);
    const done = items.length === 0 ? [] : await this.#requeue(endpoint, 'dead', items);
    const taken = done.some((one) => one >= 0);
    return { queued: count(done), seen: letters.length, next: taken && found.length > most ? until : null };
  }

  #requeue(endpoint: string, kind: 'events' | 'dead', items: string[]): Promise<number[]> {
    const { backlog, due, replays, dead } = this.keys;
    const own = [backlog, due, replays, dead].map((name) => name(endpoint));
    return this.link.run({
      script: requeueScript,
      keys: [...own, this.keys.events(), this.keys.endpoints()],
      args: [endpoint, this.keys.outboxPrefix(), kind, ...items],
      read: (reply) => asArray(reply).map(asNumber),
    });
  }

  async #log(endpoint: string, end: string, start: string, most: number): Promise<LoggedAttempt[]> {
    const log = this.keys.deliveryLog(endpoint);
    const entries = await this.link.send((client) => client.xrevrange(log, end, start, 'COUNT', most));
    return entries.map(readLogEntry);
  }

  /** The last attempt at an event, by its place in the log; null where there was none that is remembered. */
  async #lastAttempt(endpoint: string, eventId: string, callId = ''): Promise<string | null> {
    if (callId !== '') {
      const told = this.keys.toldPrefix() + callId;
      const value = await this.link.send((client) => client.hget(told, `${endpoint} ${eventId}`));
      return value?.split(' ')[2] ?? null;
    }
    const wanted = {
      from: writtenAt(eventId) - BEFORE_ID_MS,
      to: null,
      outcome: null,
      status: null,
      limit: 1,
      eventId,
    };
    let before: string | null = null;
    for (;;) {
      const { attempts, next } = await this.attempts(endpoint, { ...wanted, before });
      if (attempts[0] || next === null) return attempts[0]?.cursor ?? null;
      before = next;
    }
  }

  /** The step that logs the last attempt writes the letter just behind it. */
  async #letterOf(endpoint: string, eventId: string, attempt: string): Promise<FoundEvent | null> {
    const from = millisOf(attempt);
    const near = await this.link.send((client) =>
      client.xrange(this.keys.dead(endpoint), from, from + STEP_MS, 'COUNT', PAGE),
    );
    const found = near.find(([, flat]) => fieldsOf(flat).get('id') === eventId);
    return found ? { event: readLetter(found), letter: found[0] } : null;
  }

  async #ofLog(endpoint: string, attempt: string): Promise<FeedEvent | null> {
    const log = this.keys.deliveryLog(endpoint);
    const [entry] = await this.link.send((client) => client.xrange(log, attempt, attempt));
    return entry ? this.#at(eventCursorOf(entry)) : null;
  }

  async #at(cursor: string): Promise<FeedEvent | null> {
    const [entry] = await this.link.send((client) => client.xrange(this.keys.events(), cursor, cursor));
    return entry ? readFeed(entry) : null;
  }
}

/** Event ids begin with their time (UUID version 7), ms since the epoch. */
const writtenAt = (eventId: string): number => Number.parseInt(eventId.slice('evt_'.length, 'evt_'.length + 12), 16);

/** Ends of a range of stream ids, which know no time before 1970. */
const startOf = (ms: number | null): string => (ms === null ? '-' : String(Math.max(0, ms)));
const endBefore = (ms: number | null): string =>
  ms === null || !Number.isFinite(ms) ? '+' : String(Math.max(0, ms - 1));
const count = (done: number[]): number => done.filter((one) => one === 1).length;

function readFeed([cursor, flat]: [string, string[]]): FeedEvent {
  const fields = fieldsOf(flat);
  const text = (name: string): string => fields.get(name) ?? '';
  const [eventId, callId] = [text('id'), text('call')];
  // One that an older version wrote names nothing: then it holds up nobody.
  const orderingKey = callId || text('about') || `about:${eventId}`;
  return { cursor, eventId, type: text('type'), callId, orderingKey, body: text('body') };
}

function readLetter([, flat]: [string, string[]]): FeedEvent {
  const fields = fieldsOf(flat);
  const text = (name: string): string => fields.get(name) ?? '';
  const [eventId, key] = [text('id'), text('key')];
  return { cursor: text('event'), eventId, type: text('type'), callId: key, orderingKey: key, body: text('body') };
}

/** Where the log has gone already: what the call itself remembers. */
function outline(field: string, value: string, callId: string): LoggedAttempt {
  const [outcome = '', attempt = '', cursor = '0-0'] = value.split(' ');
  return {
    cursor,
    at: new Date(Number(cursor.split('-')[0])).toISOString(),
    eventId: field.slice(field.indexOf(' ') + 1),
    type: '',
    callId,
    attempt: Number(attempt),
    outcome: outcome as Outcome,
    status: null,
    latencyMs: 0,
    response: '',
  };
}
