import type { EventReader, FeedEvent, FeedPage } from '../http/ports.js';
import { newEventId } from '../lib/ids.js';
import type { RedisLink } from './connection.js';
import {
  beginning,
  formatCursor,
  gapAt,
  millisOf,
  parseCursor,
  type FeedCursor,
  type FeedFacts,
} from './feed-cursor.js';
import type { Keys } from './keys.js';
import { asArray, asNumber, inRows, loadScript } from './scripts.js';

const readScript = loadScript('read-feed');

/** The feed of all events, read page by page. */
export class RedisEventFeed implements Pick<EventReader, 'after' | 'cursorAt'> {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  /** As in the port. */
  async after(given: string | null, limit: number): Promise<FeedPage> {
    const asked = given === null ? null : parseCursor(given);
    const { facts, places, entries } = await this.#read(asked?.id ?? '0-0', limit);
    const from = asked ?? beginning(facts);
    const gap = asked && gapAt(asked, facts);
    if (gap) return { events: [], next: gap.next, gap, complete: false };
    const complete = entries.length < limit;
    const position = positionsOf(from, facts, complete ? places : null);
    const events = entries.map(({ id, place, type, body }): FeedEvent => {
      const cursor = formatCursor({ id, position: position(place), feed: facts.feed });
      return { cursor, type, at: millisOf(id), body };
    });
    const next = events.at(-1)?.cursor ?? formatCursor({ ...from, feed: facts.feed });
    return { events, next, gap: null, complete };
  }

  cursorAt(at: number): string {
    return `${Math.max(0, at - 1)}-9999999999`;
  }

  /** The last event there is. */
  async end(): Promise<FeedCursor> {
    const { facts } = await this.#read('0-0', 0);
    return { id: facts.lastId, position: facts.added, feed: facts.feed };
  }

  /**
   * The same place with its position counted back from the end; unchanged where the end is further away than `limit`, or the
   * feed is another one.
   */
  async recounted(cursor: FeedCursor, limit: number): Promise<FeedCursor> {
    const { facts, places, entries } = await this.#read(cursor.id, limit);
    if (facts.feed !== cursor.feed || entries.length === limit) return cursor;
    return { ...cursor, position: facts.added - places };
  }

  async #read(after: string, limit: number): Promise<{ facts: FeedFacts; places: number; entries: Entry[] }> {
    return this.link.run({
      script: readScript,
      keys: [this.keys.events(), this.keys.identity(), this.keys.erasedEvents()],
      args: [after, limit, newEventId()],
      read: (reply) => {
        const [feed, added, kept, firstId, lastId, known, now, places, flat] = asArray(reply);
        const facts: FeedFacts = {
          feed: String(feed).slice(-8),
          added: asNumber(added),
          kept: asNumber(kept),
          firstId: firstId === '' ? null : String(firstId),
          lastId: String(lastId),
          known: known === 1,
          now: asNumber(now),
        };
        return { facts, places: asNumber(places), entries: readEntries(asArray(flat)) };
      },
    });
  }
}

interface Entry {
  id: string;
  /** After where reading began, from 1. */
  place: number;
  type: string;
  body: string;
}

function readEntries(flat: unknown[]): Entry[] {
  return inRows(flat, 4).map(([id, place, type, body]) => {
    return { id: String(id), place: asNumber(place), type: String(type), body: String(body) };
  });
}

/**
 * The position of a place: counted on from the cursor, or back from the end where that was reached.
 * @param toEnd places from the cursor to the end; null where it was not reached
 */
function positionsOf(
  { position }: FeedCursor,
  { added }: FeedFacts,
  toEnd: number | null,
): (place: number) => number | null {
  if (toEnd !== null) return (place) => added - (toEnd - place);
  return (place) => (position === null ? null : position + place);
}
