import type { FeedGap } from '../http/ports.js';
import { GatewayError } from '../lib/errors.js';

/**
 * A place in the feed: the last event that the reader has. `position` counts all events ever written up to this one, so
 * that what was lost in between can be told to the event; it is null for a place that was named by time, and for those
 * read from there on until the end is reached. `feed` names the stream: a Redis that lost its data begins another one;
 * null for a time only.
 */
export interface FeedCursor {
  id: string;
  position: number | null;
  feed: string | null;
}

const FORM = /^(\d{1,15}-\d{1,10})(?:\.(\d{0,15})\.([0-9a-f]{8}))?$/;

/** What the clocks of readers and of Redis may differ by. */
const CLOCK_SKEW_MS = 300_000;

export const formatCursor = ({ id, position, feed }: FeedCursor): string =>
  feed === null ? id : `${id}.${position ?? ''}.${feed}`;

/** Throws GW_ERR_BAD_REQUEST for what no feed of ours gave out. */
export function parseCursor(text: string): FeedCursor {
  const [, id, position, feed] = FORM.exec(text) ?? [];
  if (id === undefined) throw new GatewayError('GW_ERR_BAD_REQUEST', 'the cursor is not one that this feed gave out');
  return { id, position: position ? Number(position) : null, feed: feed ?? null };
}

/** The event that a cursor names; null where it is none. */
export const eventAt = (text: string): string | null => FORM.exec(text)?.[1] ?? null;

/** Whether a cursor stands behind another one of the same feed. Throws as {@link parseCursor} does. */
export const isAfter = (cursor: string, other: string): boolean =>
  compareIds(parseCursor(cursor).id, parseCursor(other).id) > 0;

export const millisOf = (streamId: string): number => Number(streamId.slice(0, streamId.indexOf('-')));

/** As Redis orders stream ids. */
function compareIds(a: string, b: string): number {
  const [aMs = 0, aN = 0] = a.split('-').map(Number);
  const [bMs = 0, bN = 0] = b.split('-').map(Number);
  return aMs - bMs || aN - bN;
}

/** What Redis knows of the feed at the moment of reading. */
export interface FeedFacts {
  feed: string;
  /** Ever. */
  added: number;
  /** Places that are kept; what was erased of a caller keeps its own. */
  kept: number;
  /** null where nothing is kept. */
  firstId: string | null;
  lastId: string;
  /** Whether the place at the cursor is still kept. */
  known: boolean;
  /** By the server's clock, ms. */
  now: number;
}

/** Events that are gone from the tail. */
const trimmedOf = ({ added, kept }: FeedFacts): number => added - kept;

export function beginning(facts: FeedFacts): FeedCursor {
  return { id: '0-0', position: trimmedOf(facts), feed: facts.feed };
}

/** null where reading goes on without loss. */
export function gapAt(cursor: FeedCursor, facts: FeedFacts): FeedGap | null {
  const { id, position, feed } = cursor;
  const { firstId, lastId, added, now } = facts;
  const next = formatCursor(beginning(facts));
  const to = firstId === null ? null : isoOf(firstId);
  const unknown: FeedGap = { gap: 'unknown', lost: null, from: isoOf(id), to, next };
  if (feed !== null && feed !== facts.feed) return unknown;
  // A clock of the server's that was ahead has numbered what is there in the future.
  if (millisOf(id) > now + CLOCK_SKEW_MS && compareIds(id, lastId) > 0) return unknown;
  const trimmed = trimmedOf(facts);
  if (position !== null) {
    const forgotten = position > added || (position > trimmed && id !== '0-0' && !facts.known);
    if (forgotten) return unknown;
    return position < trimmed ? { gap: 'gone', lost: trimmed - position, from: isoOf(id), to, next } : null;
  }
  // Named by time: whether anything of then is gone cannot be known, only that it may be.
  const older = compareIds(id, firstId ?? lastId) < 0;
  return older && trimmed !== 0 && id !== '0-0' ? { gap: 'gone', lost: null, from: isoOf(id), to, next } : null;
}

const isoOf = (id: string): string | null => (id === '0-0' ? null : new Date(millisOf(id)).toISOString());
