import { isDeepStrictEqual } from 'node:util';
import type { Router, Response } from 'express';
import type { Logger } from 'pino';
import type { AccessKeyConfig } from '../config/schema.js';
import { onlyOfCalls } from '../events/subscriptions.js';
import { withDeadline } from '../lib/deadline.js';
import { demandScope, keyOf, requireScope, sitesAsked } from './auth.js';
import { beatOf, frameOf, LiveListener, STREAM_HEADERS } from './live-listener.js';
import { wants } from './feed.js';
import type { Listeners } from './listeners.js';
import type { EventReader, FeedEvent } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { liveQuery, readQuery } from './query.js';
import { exactRouter } from './router.js';

const HEARTBEAT_MS = 15_000;
const JOIN_TIMEOUT_MS = 5_000;
const OF_CALLS = ['call.*', 'recording.*'];

export interface LiveOptions {
  /** `access.keys`, as they are now. */
  keys: () => readonly AccessKeyConfig[];
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
  /** Each with the key that it was let in with. */
  readonly #listeners = new Map<LiveListener, AccessKeyConfig | undefined>();
  #leave: Promise<() => void> | null = null;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly options: LiveOptions) {}

  router(): Router {
    const router = exactRouter();
    router
      .route('/live')
      .get(requireScope('calls:read'), async (req, res) => {
        const { types = OF_CALLS, site } = readQuery(req, liveQuery);
        if (!onlyOfCalls(types)) demandScope(res, 'events:read', 'what is not of a call or its recording');
        const lastId = req.get('Last-Event-ID') ?? '';
        // Express takes it for GET; there is no end of the stream to wait for.
        if (req.method === 'HEAD') res.writeHead(200, STREAM_HEADERS).end();
        else await this.#listen(res, wants({ types, sites: sitesAsked(res, site) }), lastId === '' ? null : lastId);
      })
      .all(methodNotAllowed);
    return router;
  }

  async #listen(res: Response, fits: (event: FeedEvent) => boolean, lastId: string | null): Promise<void> {
    const listener = new LiveListener(res, fits);
    const release = this.options.listeners.enter(res, () => listener.end());
    this.#listeners.set(listener, keyOf(res));
    res.once('close', () => {
      release();
      this.#listeners.delete(listener);
      if (listener.cutOff) this.options.logger.warn({}, 'a listener of the live feed was too slow and was cut off');
      if (this.#listeners.size === 0) this.#rest();
    });
    try {
      await this.#join();
      const { events } = this.options;
      await listener.begin(events, lastId, events.live.place());
    } catch (error) {
      if (!res.headersSent) throw error;
      res.destroy();
    }
  }

  async #join(): Promise<void> {
    const { events, heartbeatMs = HEARTBEAT_MS } = this.options;
    this.#heartbeat ??= setInterval(() => this.#beat(), heartbeatMs);
    this.#leave ??= events.live.subscribe((news) => this.#tell(news));
    await withDeadline(this.#leave, JOIN_TIMEOUT_MS, 'joining the live feed').catch((error: unknown) => {
      this.#rest();
      throw error;
    });
  }

  /** Whose key has been taken away or changed by a reload comes back, and is looked at as anybody who comes. */
  #beat(): void {
    const keys = new Map(this.options.keys().map((key) => [key.hash, key]));
    const beat = beatOf(this.options.events.live.place());
    for (const [listener, key] of this.#listeners) {
      if (isDeepStrictEqual(keys.get(key?.hash ?? ''), key)) listener.beat(beat);
      else listener.end();
    }
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
      for (const listener of this.#listeners.keys()) listener.tell(event, frame);
    }
  }
}
