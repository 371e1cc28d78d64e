import type { Call } from '../call/call.js';
import type { EventType } from '../call/event-types.js';
import type { HttpAnswer } from '../webhooks/http-poster.js';
import { parseRetryAfter } from '../webhooks/retry.js';

/** An event as a sink reads it. */
export interface SinkEvent {
  id: string;
  type: EventType;
  timestamp: string;
  sequence?: number;
  data: { call?: Call } & Record<string, unknown>;
}

export interface SinkRequest {
  method: 'POST' | 'GET' | 'PATCH';
  /** With the query; below the sink's address. */
  path: string;
  headers?: Record<string, string>;
  body: string;
}

/**
 * What came of one event. `retry`: it may go better later. `dead`: no further attempt can help, and why; the event goes
 * to the dead letters.
 */
export type SinkOutcome =
  | { outcome: 'delivered' }
  | { outcome: 'retry'; reason: string; retryAfterMs?: number }
  | { outcome: 'dead'; reason: string };

export interface SinkAnswer extends HttpAnswer {
  /** The body as JSON; null where it is none. */
  json: unknown;
}

export type Ask = (request: SinkRequest) => Promise<SinkAnswer>;

/** A system with an interface of its own that is told of calls. One file each. */
export interface Sink {
  /** Where its interface is; requests go below it. */
  readonly url: URL;
  /** Least time between two requests, ms: what the vendor allows. */
  readonly spacingMs: number;
  /** Whether it passes over whatever tells of no call. */
  readonly callsOnly: boolean;
  /** Tells of one event, by at most three requests. What is not for this system is `delivered` at once. */
  deliver(event: SinkEvent, ask: Ask): Promise<SinkOutcome>;
}

export const DELIVERED: SinkOutcome = { outcome: 'delivered' };

const MINUTE_MS = 60_000;

/** What is wrong with a request stays wrong. */
export const FINAL_OF_REQUEST: readonly number[] = [400, 413, 415, 422];
/** At a vendor's fixed address these are of the request too. */
const FINAL: readonly number[] = [...FINAL_OF_REQUEST, 404, 405];

/**
 * What a status means where the vendor says nothing else. A key that is refused (401, 403) is put right by people, so the
 * event waits for that as long as any.
 */
export function judge(answer: HttpAnswer, final = FINAL): SinkOutcome {
  const { status, error, response, headers } = answer;
  if (status === null) return { outcome: 'retry', reason: error ? `${error.code}: ${error.message}` : 'no answer' };
  if (status >= 200 && status < 300) return DELIVERED;
  const reason = `HTTP ${status}: ${response.slice(0, 300)}`;
  if (final.includes(status)) return { outcome: 'dead', reason };
  if (status !== 429 && status !== 503) return { outcome: 'retry', reason };
  return { outcome: 'retry', reason, retryAfterMs: parseRetryAfter(headers['retry-after'], Date.now()) ?? MINUTE_MS };
}

export const asJson = (path: string, body: unknown, headers: Record<string, string> = {}): SinkRequest => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** A card that pops up later than this tells of a call that is over. */
const NEWS_MS = 60_000;

/** Whether people can still see what the event tells of. */
export const isNews = ({ timestamp }: SinkEvent, now: number): boolean => now - Date.parse(timestamp) <= NEWS_MS;

/** Whether this event is the last word on a call: its end, or what became of the recording of an answered one. */
export function isLastWord({ type, data }: SinkEvent): boolean {
  if (type === 'call.missed') return true;
  if (type === 'call.completed') return data.call?.recording.status === 'none';
  return isSettling(type);
}

/**
 * Whether it tells what has become of a recording. That it was deleted is told when what a vendor knows of the call may be
 * forgotten here: it would be told of a new one.
 */
export const isSettling = (type: EventType): boolean =>
  type === 'recording.ready' || type === 'recording.absent' || type === 'recording.failed';
