import { once } from 'node:events';
import type { Response } from 'express';
import { withDeadline } from '../lib/deadline.js';
import type { EventReader, FeedEvent } from './ports.js';

/** What may wait for one listener: some two thousand events. All listeners share the bytes of an event. */
const MOST_BYTES = 4 * 1_048_576;
const PAGE = 200;
/** So many events at most are made up for after a break; who was away for longer reads the feed. */
const MOST_CAUGHT_UP = 10_000;
const READ_TIMEOUT_MS = 5_000;
const DRAIN_TIMEOUT_MS = 15_000;
/** Browsers come back after this, ms. */
const RETRY = 'retry: 2000\n';

export const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // nginx would keep events back until its buffer is full.
  'X-Accel-Buffering': 'no',
};

/** One event as server-sent events have it (WHATWG HTML, section 9.2); the body is JSON in one line. */
export const frameOf = ({ cursor, type, body }: FeedEvent): Buffer =>
  Buffer.from(`id: ${cursor}\nevent: ${type}\ndata: ${body}\n\n`);

/**
 * Tells nothing but up to where all was told (an id without data is no event): who hears little comes back to where he was, and not
 * to what he heard last.
 */
export const beatOf = (place: string | null): Buffer => Buffer.from(`: still here\n${idOf(place)}\n`);

const idOf = (place: string | null): string => (place === null ? '' : `id: ${place}\n`);

/** One client of the live feed. Who does not read as fast as things happen is cut off, and comes back where he was. */
export class LiveListener {
  /** It was too slow. */
  cutOff = false;
  /** What came in while older events are being made up for; null once they are. */
  #held: { event: FeedEvent; frame: Buffer }[] | null = [];
  #heldBytes = 0;

  constructor(
    private readonly res: Response,
    private readonly fits: (event: FeedEvent) => boolean,
  ) {}

  /**
   * Opens the answer; with `lastId` first tells what happened since. The listener must be in the feed already.
   * @param place up to where those in the feed have been told everything
   */
  async begin(events: EventReader, lastId: string | null, place: string | null): Promise<void> {
    const first = lastId === null ? null : await this.#read(events, lastId);
    if (this.#over()) return;
    this.res.writeHead(200, STREAM_HEADERS);
    this.res.write(`${RETRY}${lastId === null ? idOf(place) : ''}\n`);
    const caughtUp = first === null ? null : await this.#catchUp(events, first);
    const held = this.#held ?? [];
    this.#held = null;
    for (const { event, frame } of held) {
      const isTold = caughtUp !== null && !events.isAfter(event.cursor, caughtUp);
      if (!isTold && this.fits(event)) this.#write(frame);
    }
  }

  tell(event: FeedEvent, frame: Buffer): void {
    if (this.#held === null) {
      if (this.fits(event)) this.#write(frame);
      return;
    }
    this.#heldBytes += frame.length;
    if (this.#heldBytes > MOST_BYTES) this.#cut();
    else this.#held.push({ event, frame });
  }

  beat(bytes: Buffer): void {
    if (this.#held === null) this.#write(bytes);
  }

  end(): void {
    this.res.end();
  }

  /** Tells what lies between; returns the cursor up to which everything has been told. */
  async #catchUp(events: EventReader, first: Awaited<ReturnType<EventReader['after']>>): Promise<string> {
    let page = first;
    for (let told = 0; ; told += page.events.length) {
      if (page.gap || told >= MOST_CAUGHT_UP) {
        const next = page.gap?.next ?? page.next;
        this.#write(Buffer.from(`event: gap\ndata: ${JSON.stringify({ ...page.gap, next })}\n\n`));
        return page.next;
      }
      for (const event of page.events) if (this.fits(event)) await this.#writeWhenRoom(frameOf(event));
      if (page.complete || this.#over()) return page.next;
      page = await this.#read(events, page.next);
    }
  }

  #read(events: EventReader, after: string) {
    return withDeadline(events.after(after, PAGE), READ_TIMEOUT_MS, 'reading events');
  }

  async #writeWhenRoom(bytes: Buffer): Promise<void> {
    if (this.#over() || this.res.write(bytes) || this.#over()) return;
    await withDeadline(once(this.res, 'drain'), DRAIN_TIMEOUT_MS, 'a listener of the live feed').catch(() =>
      this.#cut(),
    );
  }

  #write(bytes: Buffer): void {
    if (this.#over()) return;
    if (this.res.writableLength > MOST_BYTES) this.#cut();
    else this.res.write(bytes);
  }

  /** Things still happen between the end and the connection's close; writing them would be an error of the response. */
  #over(): boolean {
    return this.res.writableEnded || this.res.destroyed;
  }

  #cut(): void {
    this.cutOff = true;
    this.#held = this.#held === null ? null : [];
    this.res.destroy();
  }
}
