import type { MediaPool, MediaServer } from '../call/media-ports.js';
import { FreeSwitch, type FreeSwitchOptions } from './free-switch.js';
import { guardEslParsers } from './parser-guard.js';

/** All FreeSWITCH servers of this gateway. */
export class FreeSwitchPool implements MediaPool {
  readonly #servers: FreeSwitch[];

  constructor(servers: FreeSwitchOptions[]) {
    guardEslParsers();
    this.#servers = servers.map((options) => new FreeSwitch(options));
  }

  /** id → whether it can take calls; for readiness and metrics. */
  health(): Record<string, boolean> {
    return Object.fromEntries(this.#servers.map((server) => [server.id, server.healthy]));
  }

  pick(tried: readonly MediaServer[] = []): MediaServer | null {
    const healthy = this.#servers.filter((server) => server.healthy && !tried.includes(server));
    return healthy.reduce<FreeSwitch | null>((best, one) => (best && best.load <= one.load ? best : one), null);
  }

  find(id: string): MediaServer | null {
    return this.#servers.find((server) => server.id === id) ?? null;
  }

  owns(address: string): boolean {
    return this.#servers.some((server) => server.owns(address));
  }

  start(): void {
    for (const server of this.#servers) server.start();
  }

  stop(): void {
    for (const server of this.#servers) server.stop();
  }
}
