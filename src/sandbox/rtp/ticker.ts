import { performance } from 'node:perf_hooks';

const TICK_MS = 20;
/** After a longer stop (a suspended machine) the lost time is left out instead of being sent in one burst. */
const MAX_CATCH_UP_TICKS = 250;

/**
 * One 20 ms clock for all media of the process. A timer per stream would cost more than the media itself at a
 * hundred streams, and a clock that counts ticks from the start instead of from the last tick does not drift.
 */
export class Ticker {
  readonly #members = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #startedAt = 0;
  #ticks = 0;
  #ticking = false;

  add(member: () => void): void {
    this.#members.add(member);
    if (this.#timer === undefined && this.#immediate === undefined) this.#start();
  }

  /** The clock stops with its last member and keeps no process alive. */
  delete(member: () => void): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.stop();
  }

  /**
   * Runs the ticks that are due now: after a stall the sockets are read first, and whoever is hung up by what they bring has lasted
   * until then nevertheless.
   */
  catchUp(): void {
    if (this.#ticking || this.#members.size === 0) return;
    this.#ticking = true;
    try {
      this.#advance();
    } finally {
      this.#ticking = false;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = this.#immediate = undefined;
    this.#members.clear();
  }

  #start(): void {
    this.#startedAt = performance.now();
    this.#ticks = 0;
    this.#schedule();
  }

  #schedule(): void {
    const due = this.#startedAt + (this.#ticks + 1) * TICK_MS - performance.now();
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        // Behind the poll phase: after a stall the sockets are read first, else their packets would all count as late.
        this.#immediate = setImmediate(() => this.#run());
      },
      Math.max(0, due),
    );
  }

  #run(): void {
    this.#immediate = undefined;
    this.catchUp();
    if (this.#members.size > 0) this.#schedule();
  }

  #advance(): void {
    const due = Math.floor((performance.now() - this.#startedAt) / TICK_MS);
    if (due - this.#ticks > MAX_CATCH_UP_TICKS) {
      this.#startedAt += (due - this.#ticks - MAX_CATCH_UP_TICKS) * TICK_MS;
    }
    const target = Math.floor((performance.now() - this.#startedAt) / TICK_MS);
    while (this.#ticks < target) {
      this.#ticks += 1;
      for (const member of this.#members) member();
    }
  }
}

export const sharedTicker = new Ticker();
