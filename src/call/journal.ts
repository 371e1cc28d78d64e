import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';
import { buildCallEvent, writeDown } from '../events/catalogue.js';
import type { Backlog } from './backlog.js';
import type { Call, CallResources } from './call.js';
import type { CallEventType, EventType } from './event-types.js';
import type { CallStore, WrittenEvent } from './ports.js';

/**
 * Changes without an event wait this long, and are written together: setting up a call makes a handful of them within
 * milliseconds, and each commit would cost the caller time. It is the most that a peer may be behind.
 */
const GATHER_MS = 50;
/**
 * Until the caller hears something, every change waits this long: FreeSWITCH's dial-back and the first ringing come
 * within milliseconds, and would have to wait for our bookkeeping.
 */
const SETTING_UP_MS = 10;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 3000;

export interface JournalDeps {
  store: CallStore;
  endpointsFor: (site: string | null, type: EventType) => string[];
  backlog: Backlog;
  logger: Logger;
}

/**
 * Writes one call's changes and events to Redis, in order, off the call's path.
 *
 * One commit is under way at a time; what happens meanwhile goes into the next one, so a fast call costs few round
 * trips. While Redis is away the changes wait here and are repeated (the store drops what it already has), so an
 * event is lost only with the process, or where too many calls wait (`Backlog`), and never told out of order.
 */
export class Journal {
  #pending: WrittenEvent[] = [];
  #dirty = false;
  #closed = false;
  #sequence: number;
  #writing: Promise<void> | null = null;
  #gathering: NodeJS.Timeout | undefined;
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(
    private readonly call: Call,
    private readonly resources: CallResources,
    private readonly deps: JournalDeps,
    /** Of the call's last event; not 0 for a call taken over. */
    sequence = 0,
  ) {
    this.#sequence = sequence;
  }

  /** Something happened: an event with the call as it is at this moment. */
  record(type: CallEventType, extra: Record<string, unknown> = {}): void {
    this.#pending.push(writeDown(buildCallEvent(type, this.call, ++this.#sequence, Date.now(), extra)));
    this.#dirty = true;
    this.#write();
  }

  /**
   * Dialogs, channels or the state of the recording have changed. There is no event for it, but a peer, or who looks at
   * the call, needs it.
   */
  resourcesChanged(): void {
    this.#dirty = true;
    if (!this.#writing) this.#gathering ??= setTimeout(() => this.#write(), GATHER_MS);
  }

  /** The document changed without an event, and somebody is about to read it. */
  changed(): void {
    this.#dirty = true;
    this.#write();
  }

  /** Settles when what was recorded so far is in Redis. */
  async written(): Promise<void> {
    await this.#writing;
  }

  /** Nothing of the call is alive any more; settles when Redis has everything. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#dirty = true;
    this.#write();
    await this.#writing;
  }

  /** Gives up on what Redis has not taken: when the process ends, or too many calls wait for Redis. */
  abandon(): void {
    this.#stopped = true;
    clearTimeout(this.#gathering);
    this.#wake();
  }

  #write(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#writing ??= this.#writeAll();
  }

  #isUnwritten(): boolean {
    return this.#dirty && !this.#stopped;
  }

  async #writeAll(): Promise<void> {
    try {
      // The call goes on first: its SIP leaves before our bookkeeping, and what is recorded meanwhile comes along.
      await (this.#isSetUp() ? nextTurn() : this.#pause(SETTING_UP_MS));
      while (this.#isUnwritten()) {
        await this.#commitAll(() => this.#closed);
        if (this.#isUnwritten()) await this.deps.backlog.run(this, () => this.#commitAll(() => false));
      }
    } finally {
      // In the same turn as the last look at what is unwritten: what comes from now on starts a new write.
      this.#writing = null;
      const events = this.#pending.length;
      if (this.#dirty) this.deps.logger.error({ events }, 'given up: Redis never took the rest of this call');
    }
  }

  /**
   * Commits until nothing is unwritten, trying again after failures; after a failure it returns where `leaves` says so.
   */
  async #commitAll(leaves: () => boolean): Promise<void> {
    let retryMs = RETRY_FIRST_MS;
    while (this.#isUnwritten()) {
      const error = await this.#commit();
      if (!error) {
        retryMs = RETRY_FIRST_MS;
        continue;
      }
      // Logged once an outage: each living call would otherwise say it every three seconds.
      if (retryMs === RETRY_FIRST_MS) this.deps.logger.warn({ err: error }, 'call not written yet');
      if (leaves()) return;
      await this.#pause(retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    }
  }

  /** Writes what is unwritten. Returns null once Redis has it, else the error. */
  async #commit(): Promise<Error | null> {
    const events = this.#pending;
    const endpoints = events.map((event) => this.deps.endpointsFor(this.call.site, event.type));
    this.#pending = [];
    this.#dirty = false;
    const { call, resources } = this;
    try {
      await this.deps.store.commit({ call, resources, events, endpoints, closed: this.#closed });
      return null;
    } catch (error) {
      this.#pending = [...events, ...this.#pending];
      this.#dirty = true;
      return toError(error);
    }
  }

  #isSetUp(): boolean {
    return this.call.answeredAt !== null || this.call.disposition !== null || this.#closed;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
