import { Router, type Response } from 'express';
import type { Logger } from 'pino';
import { onlyOfCalls } from '../events/subscriptions.js';
import { withDeadline } from '../lib/deadline.js';
import { demandScope, requireScope, sitesAsked } from './auth.js';
import { frameOf, LiveListener, STREAM_HEADERS } from './live-listener.js';
import { wants } from './feed.js';
import type { Listeners } from './listeners.js';
import type { EventReader, FeedEvent } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { liveQuery, readQuery } from './query.js';

const HEARTBEAT_MS = 15_000;
const JOIN_TIMEOUT_MS = 5_000;
const OF_CALLS = ['call.*', 'recording.*'];

export interface LiveOptions {
  events: EventReader;
  listeners: Listeners;
  logger: Logger;
  heartbeatMs?: number | undefined;
}

/**
 * `/v1/calls/live`: what happens to calls, as server-sent events. However many listen, the source is subscribed to once,
 * and each event is put into bytes once.
 */
export class LiveFeed {
  readonly #listeners = new Set<LiveListener>();
  #leave: Promise<() => void> | null = null;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly options: LiveOptions) {}

  router(): Router {
    const router = Router({ strict: true, caseSensitive: true });
    router
      .route('/live')
      .get(requireScope('calls:read'), async (req, res) => {
        const { types = OF_CALLS, site } = readQuery(req, liveQuery);
        if (!onlyOfCalls(types)) demandScope(res, 'events:read', 'what is not of a call or its recording');
        // Express takes it for GET; there is no end of the stream to wait for.
        if (req.method === 'HEAD') res.writeHead(200, STREAM_HEADERS).end();
        else await this.#listen(res, wants({ types, sites: sitesAsked(res, site) }), req.get('Last-Event-ID') ?? null);
      })
      .all(methodNotAllowed);
    return router;
  }

  /** Lets everybody go: their clients come back by themselves, to whoever answers then. */
  stop(): void {
    for (const listener of this.#listeners) listener.end();
  }

  async #listen(res: Response, fits: (event: FeedEvent) => boolean, lastId: string | null): Promise<void> {
    const release = this.options.listeners.enter(res);
    const listener = new LiveListener(res, fits);
    this.#listeners.add(listener);
    res.once('close', () => {
      release();
      this.#listeners.delete(listener);
      if (listener.cutOff) this.options.logger.warn({}, 'a listener of the live feed was too slow and was cut off');
      if (this.#listeners.size === 0) this.#rest();
    });
    try {
      await this.#join();
      await listener.begin(this.options.events, lastId);
    } catch (error) {
      if (!res.headersSent) throw error;
      res.destroy();
    }
  }

  async #join(): Promise<void> {
    const { events, heartbeatMs = HEARTBEAT_MS } = this.options;
    this.#heartbeat ??= setInterval(() => {
      for (const listener of this.#listeners) listener.beat();
    }, heartbeatMs);
    this.#leave ??= events.live.subscribe((news) => this.#tell(news));
    await withDeadline(this.#leave, JOIN_TIMEOUT_MS, 'joining the live feed').catch((error: unknown) => {
      this.#rest();
      throw error;
    });
  }

  #rest(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    const leaving = this.#leave;
    this.#leave = null;
    leaving?.then(
      (leave) => leave(),
      () => undefined,
    );
  }

  #tell(news: readonly FeedEvent[]): void {
    for (const event of news) {
      const frame = frameOf(event);
      for (const listener of this.#listeners) listener.tell(event, frame);
    }
  }
}
