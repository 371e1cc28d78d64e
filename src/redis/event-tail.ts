import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { FeedEvent, LiveSource } from '../http/ports.js';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import type { RedisAddress } from './client.js';
import { RedisLink } from './connection.js';
import type { RedisEventFeed } from './event-feed.js';
import { formatCursor, millisOf, type FeedCursor } from './feed-cursor.js';
import type { Keys } from './keys.js';
import { fieldsOf } from './scripts.js';

const BLOCK_MS = 5_000;
/** Redis answers a blocked read at its end; what is later than this is a dead connection. */
const TIMEOUT_MS = BLOCK_MS + 3_000;
const MOST_AT_ONCE = 500;
const RETRY_MS = 500;
/** Readers that come back at once (long polls) find it still running. */
const LINGER_MS = 5_000;

type Listener = (events: readonly FeedEvent[]) => void;

export interface EventTailOptions extends RedisAddress {
  name: string;
  logger: Logger;
  lingerMs?: number;
}

/**
 * What has just happened, for any number of listeners in this process by one blocked read of Redis over a connection of
 * its own, since a blocked connection serves nobody else. It runs while somebody listens. After an outage it goes on
 * where it was.
 */
export class RedisEventTail implements LiveSource {
  readonly #listeners = new Set<Listener>();
  #run: { started: Promise<void>; stop: () => void } | null = null;
  #linger: NodeJS.Timeout | undefined;
  #place: FeedCursor | null = null;
  /** Blocked reads sent so far. */
  reads = 0;

  constructor(
    private readonly feed: RedisEventFeed,
    private readonly keys: Keys,
    private readonly options: EventTailOptions,
  ) {}

  /** As in the port. */
  async subscribe(listener: Listener): Promise<() => void> {
    clearTimeout(this.#linger);
    this.#listeners.add(listener);
    const leave = (): void => this.#leave(listener);
    try {
      this.#run ??= this.#start();
      await this.#run.started;
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  place(): string | null {
    return this.#place && formatCursor(this.#place);
  }

  /** Nobody is told anything any more. */
  stop(): void {
    clearTimeout(this.#linger);
    this.#listeners.clear();
    this.#run?.stop();
    this.#run = null;
    this.#place = null;
  }

  #leave(listener: Listener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.stop(), this.options.lingerMs ?? LINGER_MS);
    this.#linger.unref();
  }

  #start(): { started: Promise<void>; stop: () => void } {
    const link = new RedisLink({ ...this.options, commandTimeoutMs: TIMEOUT_MS });
    const abort = new AbortController();
    const stop = (): void => {
      abort.abort();
      link.close();
    };
    // Over the common link: a listener hears of everything after the moment at which he was let in.
    const end = this.feed.end();
    inBackground(
      end.then(
        (from) => this.#follow(link, from, abort.signal),
        () => {
          stop();
          this.#run = null;
        },
      ),
    );
    return { started: end.then(() => undefined), stop };
  }

  async #follow(link: RedisLink, from: FeedCursor, stopped: AbortSignal): Promise<void> {
    let at = from;
    let down = false;
    this.#place = from;
    while (!stopped.aborted) {
      try {
        await link.waitUntilReady(TIMEOUT_MS);
        if (down) at = await this.#afterOutage(at);
        down = false;
        const events = await this.#read(link, at);
        at = events.at(-1)?.at ?? at;
        this.#place = at;
        if (events.length > 0) this.#tell(events.map(({ event }) => event));
      } catch (error) {
        if (!down && this.#run !== null)
          this.options.logger.warn({ err: toError(error) }, 'the live feed waits for Redis');
        down = true;
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  /** A Redis without its data has begun another feed, all of which is new; one without its last seconds counts on from before them. */
  async #afterOutage(at: FeedCursor): Promise<FeedCursor> {
    const end = await this.feed.end();
    if (end.feed !== at.feed) return { id: '0-0', position: 0, feed: end.feed };
    return this.feed.recounted(at, MOST_AT_ONCE);
  }

  async #read(link: RedisLink, after: FeedCursor): Promise<{ at: FeedCursor; event: FeedEvent }[]> {
    this.reads += 1;
    const reply = await link.send((client) =>
      client.xread('COUNT', MOST_AT_ONCE, 'BLOCK', BLOCK_MS, 'STREAMS', this.keys.events(), after.id),
    );
    const entries = reply?.[0]?.[1] ?? [];
    return entries.map(([id, flat], i) => {
      const place = { ...after, id, position: after.position === null ? null : after.position + i + 1 };
      const field = fieldsOf(flat);
      return {
        at: place,
        event: {
          cursor: formatCursor(place),
          type: field.get('type') ?? '',
          at: millisOf(id),
          body: field.get('body') ?? '',
        },
      };
    });
  }

  #tell(events: readonly FeedEvent[]): void {
    for (const listener of this.#listeners) listener(events);
  }
}
