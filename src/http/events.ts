import type { Router, Response } from 'express';
import { systemClock, type Clock } from '../lib/clock.js';
import { requireScope, sitesAsked } from './auth.js';
import { readWanted, sendGap, wants, type Found, type Wanted } from './feed.js';
import type { Listeners } from './listeners.js';
import type { EventReader } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { readFeed } from './query.js';
import { exactRouter } from './router.js';

/**
 * `/v1/events`: the same events as the webhooks, to be pulled: to reconcile, or where nothing can be pushed.
 * `next` always holds the cursor to go on from, so that a reader asks with it again and again; `since` begins at a time.
 */
export function eventsRouter(events: EventReader, listeners: Listeners, clock: Clock = systemClock): Router {
  const router = exactRouter();
  router
    .route('/')
    .get(requireScope('events:read'), async (req, res) => {
      const { cursor, limit, since, waitMs, types, site } = readFeed(req, clock());
      const wanted = { types, sites: sitesAsked(res, site) };
      const from = since === null ? cursor : events.cursorAt(since);
      const asked = { from, limit, wanted };
      const found =
        waitMs === 0
          ? await readWanted(events, from, limit, wanted)
          : await readOrWait(events, listeners, asked, waitMs, res);
      if (found.gap) sendGap(res, found.gap);
      else sendPage(res, found);
    })
    .all(methodNotAllowed);
  return router;
}

/** The bodies are JSON already and go out byte for byte, as the webhooks sent them. */
function sendPage(res: Response, { events, next }: Found): void {
  const bodies = events.map((event) => event.body).join(',');
  res.type('json').send(`{"events":[${bodies}],"next":${JSON.stringify(next)}}`);
}

interface Asked {
  from: string | null;
  limit: number;
  wanted: Wanted;
}

/** Reads again whenever something wanted happens, until there is something, the time is up or the client has gone. */
async function readOrWait(
  events: EventReader,
  listeners: Listeners,
  { from, limit, wanted }: Asked,
  waitMs: number,
  res: Response,
): Promise<Found> {
  const bell = new Bell();
  const close = (): void => bell.close();
  const release = listeners.enter(res, close);
  const timer = setTimeout(close, waitMs);
  res.once('close', close);
  const fits = wants(wanted);
  let leave: (() => void) | undefined;
  try {
    leave = await events.live.subscribe((news) => {
      if (news.some(fits)) bell.ring();
    });
    let found = await readWanted(events, from, limit, wanted);
    while (found.events.length === 0 && !found.gap && found.complete && (await bell.next()))
      found = await readWanted(events, found.next, limit, wanted);
    return found;
  } finally {
    clearTimeout(timer);
    leave?.();
    release();
  }
}

/** Rung when there may be something new; closed when nobody waits any more. */
class Bell {
  #rung = false;
  #closed = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Whether it was rung since the last time; waits until it is, or is closed. */
  async next(): Promise<boolean> {
    if (!this.#rung && !this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
    const rung = this.#rung && !this.#closed;
    this.#rung = false;
    return rung;
  }
}
