import type { Response } from 'express';
import type { Logger } from 'pino';
import type { Call } from '../../call/call.js';
import { STREAM_HEADERS } from '../../http/live-listener.js';
import type { DestinationView, LineView, ResourceReader, TrunkView } from '../../http/ports.js';
import { inBackground } from '../../lib/background.js';
import { systemClock, type Clock } from '../../lib/clock.js';
import { toError, withDeadline } from '../../lib/deadline.js';
import type { LiveCalls } from '../ports.js';
import type { Visit } from '../visit.js';

const TICK_MS = 1_000;
const READ_TIMEOUT_MS = 5_000;
const MOST_CALLS = 200;
const MOST_LISTENERS = 200;
/** Who finds no place looks again after this: browsers come back by themselves (`retry`). */
const FULL_RETRY_MS = 30_000;
/** After this the page asks anew. */
const LISTEN_MS = 300_000;
/** How often it is looked whether the session of who looks still stands. */
const LOOK_MS = 15_000;
/** What may wait for one listener before it is left out of a turn. */
const MOST_WAITING_BYTES = 262_144;

export interface BoardOptions {
  live: LiveCalls;
  resources: ResourceReader;
  /** Whose today the peaks are of. */
  timeZone: () => string;
  logger: Logger;
  clock?: Clock;
}

/** What the live page shows, as it was read last. */
export interface LiveState {
  at: number;
  calls: readonly Call[];
  trunks: readonly TrunkView[];
  lines: readonly LineView[];
  destinations: readonly DestinationView[];
}

interface Listener {
  res: Response;
  draw: (state: LiveState) => string;
  /** Whether he may still look. */
  stands: () => Promise<boolean>;
  lookAt: number;
  until: number;
}

/** What is going on now, read once a second for all who look, and not at all while nobody does. */
export class LiveBoard {
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #reading = false;

  constructor(private readonly options: BoardOptions) {}

  async read(): Promise<LiveState> {
    const { live, resources, timeZone } = this.options;
    const zone = timeZone();
    const reading = Promise.all([
      live.live(MOST_CALLS),
      resources.trunks(zone),
      resources.lines(zone),
      resources.destinations(zone),
    ]);
    const [calls, trunks, lines, destinations] = await withDeadline(reading, READ_TIMEOUT_MS, 'the live view');
    return { at: this.#now(), calls, trunks, lines, destinations };
  }

  /** Sends server-sent events (WHATWG HTML, section 9.2) until the client goes, or should ask anew. */
  join({ res }: Visit, draw: Listener['draw'], stands: Listener['stands']): void {
    res.writeHead(200, STREAM_HEADERS);
    if (this.#listeners.size >= MOST_LISTENERS) {
      // Of a status the page would learn nothing but that it failed.
      res.end(`retry: ${FULL_RETRY_MS}\nevent: full\ndata: -\n\n`);
      return;
    }
    const now = this.#now();
    const listener = { res, draw, stands, lookAt: now + LOOK_MS, until: now + LISTEN_MS };
    this.#listeners.add(listener);
    res.once('close', () => this.#leave(listener));
    res.write('retry: 2000\n\n');
    this.#timer ??= setInterval(() => inBackground(this.#tick()), TICK_MS);
    inBackground(this.#tick());
  }

  /** Lets everybody go; their pages ask again by themselves. */
  stop(): void {
    for (const { res } of this.#listeners) res.end();
  }

  #leave(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #tick(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const state = await this.read();
      for (const listener of this.#listeners) {
        if (state.at > listener.lookAt) inBackground(this.#look(listener, state.at));
        if (state.at > listener.until && !listener.res.writableEnded) listener.res.end();
        else this.#send(listener, () => `event: view\ndata: ${JSON.stringify(listener.draw(state))}\n\n`);
      }
    } catch (error) {
      // The page says that it has lost the connection; the next turn tries again.
      this.options.logger.debug({ err: toError(error) }, 'the live view could not be read');
      for (const listener of this.#listeners) this.#send(listener, () => 'event: away\ndata: -\n\n');
    } finally {
      this.#reading = false;
    }
  }

  /** Who has logged out, or was taken out of the configuration, sees no more; his page asks again and is told why. */
  async #look(listener: Listener, now: number): Promise<void> {
    listener.lookAt = now + LOOK_MS;
    // While Redis is away nobody knows; there is nothing to see either.
    const stands = await listener.stands().catch(() => true);
    if (!stands && !listener.res.writableEnded) listener.res.end();
  }

  /**
   * A response that has ended and is open still waits for a client that does not read. To write to it would be an error that
   * nobody handles, and the end of the process; so it is closed.
   */
  #send({ res }: Listener, frame: () => string): void {
    if (res.writableEnded) res.destroy();
    else if (res.writableLength < MOST_WAITING_BYTES) res.write(frame());
  }

  #now(): number {
    return (this.options.clock ?? systemClock)();
  }
}
