import type { LoggedAttempt, Outcome } from '../webhooks/archive.js';
import type { AttemptTrace, Delivery } from '../webhooks/queue.js';
import { fieldsOf } from './scripts.js';

/** An attempt as the log keeps it, in one field: what an entry costs grows with its fields, and one is written per delivery. */
interface LogLine {
  event: string;
  /** Stream id of the event. */
  cursor: string;
  type: string;
  attempt: number;
  outcome: Outcome;
  status: number | null;
  ms: number;
  text: string;
}

export function writeLogLine(delivery: Delivery, { status, latencyMs, text }: AttemptTrace, outcome: Outcome): string {
  const { eventId, cursor, type, attempt } = delivery;
  const line: LogLine = { event: eventId, cursor, type, attempt, outcome, status, ms: Math.round(latencyMs), text };
  return JSON.stringify(line);
}

/** As the stream returns it. */
export type LogEntry = [cursor: string, flat: string[]];

export function readLogEntry(entry: LogEntry): LoggedAttempt {
  const [cursor, flat] = entry;
  const key = fieldsOf(flat).get('key') ?? '';
  const line = lineOf(entry);
  return {
    cursor,
    at: new Date(Number(cursor.split('-')[0])).toISOString(),
    eventId: line.event,
    type: line.type,
    callId: key.startsWith('about:') ? null : key,
    attempt: line.attempt,
    outcome: line.outcome,
    status: line.status,
    latencyMs: line.ms,
    response: line.text,
  };
}

/** Where the event of an entry stands in the feed. */
export const eventCursorOf = (entry: LogEntry): string => lineOf(entry).cursor;

const lineOf = ([, flat]: LogEntry): LogLine => JSON.parse(fieldsOf(flat).get('attempt') ?? '') as LogLine;
