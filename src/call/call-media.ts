import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import type { CallResources } from './call.js';
import { mediaFailure, type CallEnd } from './call-end.js';
import type { MediaEvent, MediaServer } from './media-ports.js';

/** After the first word that a channel has gone, the channel that knows the cause reports within this. */
const CAUSE_TIMEOUT_MS = 500;
/** FreeSWITCH reports the end of both its channels well within this; what is left then is killed. */
const GONE_TIMEOUT_MS = 5_000;

interface CallMediaDeps {
  callId: string;
  /** Kept up to date with the server and its channels. */
  resources: CallResources;
  logger: Logger;
  /** `resources` have changed. */
  changed: () => void;
  /** Hears every event before those who `listen`. */
  first: (event: MediaEvent) => void;
  end: (end: CallEnd) => void;
  /** The server has died: nobody hears anything any more. */
  lost: () => void;
  /** Runs the action after `ms` unless the call has ended by then. */
  after: (ms: number, action: () => void) => void;
}

/** One call's side of FreeSWITCH: which channels it has there, and what FreeSWITCH says of them. */
export class CallMedia {
  #server: MediaServer | null = null;
  #unwatch: () => void = () => undefined;
  readonly #live = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #callerChannel: string | null = null;
  #bridged = false;
  #held = false;
  /**
   * Set while FreeSWITCH could not be told that the caller holds, or no longer does: repeats the offer once it can be
   * told.
   */
  #offerAgain: (() => Promise<unknown>) | null = null;

  constructor(private readonly deps: CallMediaDeps) {}

  get server(): MediaServer | null {
    return this.#server;
  }

  /** FreeSWITCH has said that both sides hear each other. */
  get bridged(): boolean {
    return this.#bridged;
  }

  /** The caller has put the call on hold. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * This server is asked to take the call. One that was asked before, and did not take it, is no longer listened to.
   */
  use(server: MediaServer): void {
    this.#unwatch();
    this.#live.clear();
    this.#callerChannel = null;
    this.#server = server;
    this.deps.resources.mediaServer = server.id;
    this.#unwatch = server.watch(this.deps.callId, (event) => this.#heard(event));
  }

  /** FreeSWITCH ends a caller's leg that sends no sound, unless he put the call on hold. */
  async callerHolds(held: boolean, offerAgain: () => Promise<unknown>): Promise<void> {
    this.#held = held;
    this.#offerAgain = (await this.#tellHold()) ? null : offerAgain;
  }

  async #tellHold(): Promise<boolean> {
    if (this.#callerChannel === null || this.#server === null) return false;
    return await this.#server.allowSilence(this.#callerChannel, this.#held);
  }

  /**
   * FreeSWITCH reads how long the caller may be silent only when it gets an offer, and the offer of the hold came too
   * early.
   */
  async #tellHoldAgain(): Promise<void> {
    const offerAgain = this.#offerAgain;
    if (offerAgain === null || !(await this.#tellHold())) return;
    if (this.#offerAgain === offerAgain) this.#offerAgain = null;
    await offerAgain().catch((error: unknown) => {
      this.deps.logger.warn({ err: error }, 'FreeSWITCH did not take in that the caller holds');
    });
  }

  /**
   * FreeSWITCH hung up without being asked. The first word of it is often that of the other channel ("normal
   * clearing", because its peer went); the one that knows why follows within milliseconds.
   */
  hungUp(cause: string | null): void {
    const known = endOf(cause);
    const server = this.#server;
    if (known) this.deps.end(known);
    else
      this.deps.after(CAUSE_TIMEOUT_MS, () => {
        if (server === this.#server) this.deps.end(mediaFailure());
      });
  }

  /** Waits for FreeSWITCH's word that its channels are gone, and kills those of which none comes in time. */
  async gone(): Promise<void> {
    if (!this.#server) return;
    await this.until(() => this.#live.size === 0, GONE_TIMEOUT_MS);
    if (this.#live.size === 0) return;
    this.deps.logger.warn({ channels: this.#live.size }, 'media channels outlived their call, killing them');
    await this.#server.kill([...this.#live]);
  }

  /** Settles when an event made `condition` true, or after `timeoutMs`. */
  until(condition: () => boolean, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (condition()) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve();
      };
      const look = (): void => {
        if (condition()) done();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#listeners.add(look);
    });
  }

  /** Hears nothing any more. */
  leave(): void {
    this.#unwatch();
  }

  #heard(event: MediaEvent): void {
    this.deps.first(event);
    switch (event.type) {
      case 'channel':
        if (this.#live.has(event.channelId)) break;
        this.#live.add(event.channelId);
        if (event.leg === 'caller') this.#callerChannel = event.channelId;
        this.deps.resources.mediaChannels.push(event.channelId);
        this.deps.changed();
        break;
      case 'hangup':
        this.#live.delete(event.channelId);
        this.hungUp(event.cause);
        break;
      case 'lost':
        this.#live.clear();
        this.deps.lost();
        this.deps.end(mediaFailure(503));
        break;
      case 'bridged':
        this.#bridged = true;
        // Repeated after FreeSWITCH's link was lost: what could not be told then can be told now.
        inBackground(this.#tellHoldAgain());
        break;
      case 'control':
      case 'recording-started':
      case 'recording-stopped':
        break;
    }
    for (const look of this.#listeners) look();
  }
}

/** FreeSWITCH ended a channel by itself: the cause says why; null where it says nothing of its own. */
function endOf(cause: string | null): CallEnd | null {
  if (cause === 'MEDIA_TIMEOUT') return { by: 'gateway', reason: 'media_timeout' };
  if (cause === 'ALLOTTED_TIMEOUT') return { by: 'gateway', reason: 'max_duration' };
  return null;
}
