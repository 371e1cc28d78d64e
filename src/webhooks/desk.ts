import { newEventId } from '../lib/ids.js';
import type { EventType } from '../call/event-types.js';
import {
  isWanted,
  type DeliveryArchive,
  type EndpointState,
  type FeedEvent,
  type LoggedAttempt,
  type LogQuery,
  type WantedAttempts,
} from './archive.js';
import type { Dispatcher } from './dispatcher.js';
import type { Attempt } from './sender.js';

/** An endpoint as the configuration has it. */
export interface DeskEndpoint {
  id: string;
  url: string;
  events: readonly string[];
}

export interface EndpointView {
  id: string;
  /** Without password and query: both may hold a key. */
  url: string;
  events: readonly string[];
  state: 'up' | 'failing' | 'disabled';
  /** Why it is disabled. */
  reason: string | null;
  /** Since when it fails or is disabled; ISO 8601. */
  since: string | null;
  nextProbeAt: string | null;
  undelivered: number;
  oldestAt: string | null;
  deadLetters: number;
}

export interface TestResult extends Omit<Attempt, 'retryAfterMs'> {
  eventId: string;
}

/** What a replay came to; `next` goes on with it. */
export interface Replayed {
  queued: number;
  /** Queued already, or nothing that this endpoint gets. */
  skipped: number;
  next: string | null;
  /** Where events of the time are no longer kept: those before this one; ISO 8601. */
  goneBefore: string | null;
}

interface DeskParts {
  endpoints: () => readonly DeskEndpoint[];
  /** Whether an event is this endpoint's to have: a site's callers are not told to another's systems. */
  entitled: (endpoint: string, type: EventType, site: string | null) => boolean;
  dispatcher: Pick<Dispatcher, 'test' | 'enable' | 'disable' | 'poke'>;
  archive: DeliveryArchive;
}

/** Events, or dead letters, that one request queues again. */
const MOST_REPLAYED = 1_000;

/** Where people look at deliveries and repeat them. null everywhere: there is no such endpoint. */
export class WebhookDesk {
  constructor(private readonly parts: DeskParts) {}

  async list(): Promise<EndpointView[]> {
    const endpoints = this.parts.endpoints();
    const states = await this.parts.archive.states(endpoints.map(({ id }) => id));
    return endpoints.flatMap((endpoint, i) => (states[i] ? [viewOf(endpoint, states[i])] : []));
  }

  async attempts(id: string, query: LogQuery): Promise<{ attempts: LoggedAttempt[]; next: string | null } | null> {
    return this.#knows(id) ? this.parts.archive.attempts(id, query) : null;
  }

  async ofCall(id: string, callId: string, wanted?: WantedAttempts): Promise<LoggedAttempt[] | null> {
    if (!this.#knows(id)) return null;
    const attempts = await this.parts.archive.ofCall(id, callId);
    return wanted === undefined ? attempts : attempts.filter((attempt) => isWanted(attempt, wanted));
  }

  /** One event again, with its own id, a dead letter too; null also where this endpoint has no such event. */
  async replay(id: string, eventId: string): Promise<Replayed | null> {
    if (!this.#knows(id)) return null;
    const found = await this.parts.archive.find(id, eventId);
    if (!found || !this.#mayHave(id, found.event)) return null;
    return this.#queued(id, await this.parts.archive.repeat(id, found), 1, null);
  }

  /** Everything of a time that this endpoint gets, from after a cursor on, in pieces. */
  async replayRange(id: string, from: number, to: number, after: string | null): Promise<Replayed | null> {
    if (!this.#knows(id)) return null;
    const page = await this.parts.archive.feed(after ?? from, to, MOST_REPLAYED);
    const own = page.filter((event) => this.#mayHave(id, event));
    const next = page.length === MOST_REPLAYED ? (page.at(-1)?.cursor ?? null) : null;
    const replayed = this.#queued(id, await this.parts.archive.requeue(id, own), page.length, next);
    return { ...replayed, goneBefore: await this.parts.archive.keptFrom(from) };
  }

  /** All dead letters that there are when the first piece is asked for; `after` is the `next` of the piece before. */
  async replayDead(id: string, after: string | null): Promise<Replayed | null> {
    if (!this.#knows(id)) return null;
    const { queued, seen, next } = await this.parts.archive.revive(id, MOST_REPLAYED, after);
    return this.#queued(id, queued, seen, next);
  }

  /** An event `webhook.test`, past the queue and at once; nothing of it is kept. */
  async test(id: string): Promise<TestResult | null> {
    const eventId = newEventId();
    const body = { id: eventId, type: 'webhook.test', timestamp: new Date().toISOString(), data: { endpoint: id } };
    const attempt = await this.parts.dispatcher.test(id, eventId, JSON.stringify(body));
    if (!attempt) return null;
    const { delivered, status, error, latencyMs, response } = attempt;
    return { eventId, delivered, status, error, latencyMs: Math.round(latencyMs), response };
  }

  /** Resolves to whether that changed anything. */
  async switch(id: string, on: boolean): Promise<boolean | null> {
    if (!this.#knows(id)) return null;
    const { dispatcher } = this.parts;
    return on ? dispatcher.enable(id) : dispatcher.disable(id, 'request');
  }

  #queued(id: string, queued: number, seen: number, next: string | null): Replayed {
    if (queued > 0) this.parts.dispatcher.poke([id]);
    return { queued, skipped: seen - queued, next, goneBefore: null };
  }

  #knows(id: string): boolean {
    return this.parts.endpoints().some((endpoint) => endpoint.id === id);
  }

  #mayHave(id: string, event: FeedEvent): boolean {
    return this.parts.entitled(id, event.type as EventType, siteOf(event));
  }
}

function siteOf({ body }: FeedEvent): string | null {
  const { data } = JSON.parse(body) as { data: { call?: { site: string | null }; site?: string } };
  return data.call?.site ?? data.site ?? null;
}

function viewOf({ id, url, events }: DeskEndpoint, state: EndpointState): EndpointView {
  const since = state.disabledSince?.at ?? (state.failing ? state.failingSince : null);
  return {
    id,
    // Receivers take keys in the path too.
    url: new URL(url).origin,
    events,
    state: state.disabledSince ? 'disabled' : state.failing ? 'failing' : 'up',
    reason: state.disabledSince?.reason ?? null,
    since: iso(since),
    nextProbeAt: state.disabledSince ? null : iso(state.nextProbeAt),
    undelivered: state.events,
    oldestAt: iso(state.oldestAt),
    deadLetters: state.dead,
  };
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
