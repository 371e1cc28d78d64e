import type { Response } from 'express';
import type { EventType } from '../call/event-types.js';
import { matches } from '../events/subscriptions.js';
import { withDeadline } from '../lib/deadline.js';
import { isAmong } from '../lib/sites.js';
import type { EventReader, FeedEvent, FeedGap } from './ports.js';
import { problemOf, sendProblem } from './problem.js';

const READ_TIMEOUT_MS = 5000;
const SCAN = 500;
/** Events looked at for one answer at most: a filter that lets nothing through must not read a week at once. */
const MOST_PAGES = 10;

/** Which events a reader wants; what is left out lets everything through. */
export interface Wanted {
  types?: string[] | undefined;
  /** null: of all, and what belongs to none. */
  sites: readonly string[] | null;
}

interface Body {
  data?: { call?: { site?: string | null }; site?: string };
}

export function wants({ types, sites }: Wanted) {
  return (event: FeedEvent): boolean => {
    if (types !== undefined && !matches(types, event.type as EventType)) return false;
    // Where all are wanted, none need be parsed.
    return sites === null || isAmong(sites, siteOf(event));
  };
}

function siteOf({ body }: FeedEvent): string | null {
  const { data } = JSON.parse(body) as Body;
  return data?.call?.site ?? data?.site ?? null;
}

export interface Found {
  events: FeedEvent[];
  next: string;
  gap: FeedGap | null;
  complete: boolean;
}

/** As many events as are wanted from after a cursor, over as many pages as that takes. */
export async function readWanted(
  reader: EventReader,
  from: string | null,
  most: number,
  wanted: Wanted,
): Promise<Found> {
  const fits = wants(wanted);
  const filtered = wanted.types !== undefined || wanted.sites !== null;
  const found: FeedEvent[] = [];
  let cursor = from;
  for (let pages = 0; ; pages += 1) {
    const page = await withDeadline(reader.after(cursor, filtered ? SCAN : most), READ_TIMEOUT_MS, 'reading events');
    // A gap that opens between two pages (the tail was trimmed) is told by the next request.
    if (page.gap)
      return { events: found, next: cursor ?? page.next, gap: found.length > 0 ? null : page.gap, complete: false };
    for (const event of page.events) {
      cursor = event.cursor;
      if (fits(event)) found.push(event);
      if (found.length === most) return { events: found, next: cursor, gap: null, complete: false };
    }
    cursor = page.next;
    if (page.complete || pages + 1 >= MOST_PAGES)
      return { events: found, next: cursor, gap: null, complete: page.complete };
  }
}

/**
 * The problem document for a cursor that cannot be gone on from; `next` says where to go on.
 * @param remedy what to ask in the place of this
 */
export function sendGap(res: Response, gap: FeedGap, remedy = `go on with "after=${gap.next}"`): void {
  const { gap: kind, lost, from, to, next } = gap;
  const period = `between ${from ?? 'the beginning'} and ${to ?? 'now'}`;
  const many = lost === null ? 'events' : `${lost} ${lost === 1 ? 'event' : 'events'}`;
  const detail =
    kind === 'gone'
      ? `${many} ${period} ${lost === null ? 'may be' : lost === 1 ? 'is' : 'are'} no longer kept; ${remedy}`
      : `this cursor is not of the events that are kept now: Redis was started without its data, or with older data; ${remedy}`;
  const code = kind === 'gone' ? 'GW_ERR_EVENTS_GONE' : 'GW_ERR_CURSOR_UNKNOWN';
  sendProblem(res, problemOf(code, detail, { lost: { events: lost, from, to }, next }));
}
