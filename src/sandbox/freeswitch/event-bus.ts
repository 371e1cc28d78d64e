import { randomUUID } from 'node:crypto';
import { FsEvent } from './event.js';

export const SANDBOX_HOSTNAME = 'calltrack-sandbox';
export const FREESWITCH_VERSION = '1.10.12-release~64bit';

interface EventListener {
  wants(name: string, subclass?: string): boolean;
  deliver(event: FsEvent): void;
}

/** Hands every event to the connections that asked for it; an event that nobody wants is not even built. */
export class EventBus {
  readonly coreUuid = randomUUID();
  readonly #listeners = new Set<EventListener>();
  #sequence = 0;

  constructor(readonly address: string) {}

  add(listener: EventListener): void {
    this.#listeners.add(listener);
  }

  delete(listener: EventListener): void {
    this.#listeners.delete(listener);
  }

  fire(name: string, fill: (event: FsEvent) => void): void {
    this.#sequence += 1;
    const interested = [...this.#listeners].filter((listener) => listener.wants(name));
    if (interested.length === 0) return;
    const event = this.create(name);
    fill(event);
    for (const listener of interested) listener.deliver(event);
  }

  /** An event with the headers that all events have. */
  create(name: string): FsEvent {
    const now = new Date();
    return new FsEvent(name)
      .set('Core-UUID', this.coreUuid)
      .set('FreeSWITCH-Hostname', SANDBOX_HOSTNAME)
      .set('FreeSWITCH-Switchname', SANDBOX_HOSTNAME)
      .set('FreeSWITCH-IPv4', this.address)
      .set('FreeSWITCH-IPv6', '::1')
      .set('Event-Date-Local', localStamp(now))
      .set('Event-Date-GMT', now.toUTCString())
      .set('Event-Date-Timestamp', now.getTime() * 1000)
      .set('Event-Calling-File', 'sandbox')
      .set('Event-Sequence', this.#sequence);
  }
}

/** `2026-11-22 01:54:28`, in UTC like everything here. */
export const localStamp = (date: Date): string => date.toISOString().slice(0, 19).replace('T', ' ');
