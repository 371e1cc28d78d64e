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
import { asArray, asNumber, asStrings, loadScript } from './scripts.js';

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
    const { facts, entries } = await this.#read(asked?.id ?? '0-0', limit);
    const from = asked ?? beginning(facts);
    const gap = asked && gapAt(asked, facts);
    if (gap) return { events: [], next: gap.next, gap, complete: false };
    const complete = entries.length < limit;
    const positions = positionsOf(entries.length, from, facts, complete);
    const events = entries.map(({ id, type, body }, i): FeedEvent => {
      return { cursor: formatCursor({ id, position: positions(i), feed: facts.feed }), type, at: millisOf(id), body };
    });
    const next = events.at(-1)?.cursor ?? formatCursor(asked ?? from);
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

  async #read(after: string, limit: number): Promise<{ facts: FeedFacts; entries: Entry[] }> {
    return this.link.run({
      script: readScript,
      keys: [this.keys.events(), this.keys.identity()],
      args: [after, limit, newEventId()],
      read: (reply) => {
        const [feed, added, kept, firstId, lastId, known, now, flat] = asArray(reply);
        const facts: FeedFacts = {
          feed: String(feed).slice(-8),
          added: added === '' ? null : asNumber(added),
          kept: asNumber(kept),
          firstId: firstId === '' ? null : String(firstId),
          lastId: String(lastId),
          known: known === 1,
          now: asNumber(now),
        };
        return { facts, entries: readEntries(asStrings(flat)) };
      },
    });
  }
}

interface Entry {
  id: string;
  type: string;
  body: string;
}

function readEntries(flat: (string | null)[]): Entry[] {
  const entries: Entry[] = [];
  for (let i = 0; i < flat.length; i += 3) {
    const [id, type, body] = flat.slice(i, i + 3).map((field) => field ?? '');
    entries.push({ id: id ?? '', type: type ?? '', body: body ?? '' });
  }
  return entries;
}

/** The position of the i-th event of a page: counted on from the cursor, or back from the end. */
function positionsOf(
  length: number,
  { position }: FeedCursor,
  { added }: FeedFacts,
  complete: boolean,
): (i: number) => number | null {
  if (complete && added !== null) return (i) => added - (length - 1 - i);
  return (i) => (position === null ? null : position + i + 1);
}
