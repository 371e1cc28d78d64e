/**
 * A carrier counts what reaches it, and one INVITE is longer on its way than the next: our queue to drachtio, the network.
 * Without a margin half of the full seconds held one too many.
 */
const MARGIN_MS = 50;

/**
 * When the next call may start under a limit of calls per second, behind `waiting` others: never more starts than the
 * limit in any window of a second (of two seconds for half a call per second).
 *
 * @param started when calls were started, not when they were to be: on a busy machine a timer is late, and who starts by
 *   the plan behind one who was late is too soon. ms of a monotonic clock, oldest first.
 */
export function nextStart(started: readonly number[], waiting: number, callsPerSecond: number, now: number): number {
  const burst = burstOf(callsPerSecond);
  const windowMs = (burst / callsPerSecond) * 1000 + MARGIN_MS;
  const starts = started.slice(-burst);
  for (let ahead = 0; ; ahead += 1) {
    const blocking = starts.at(-burst);
    const at = Math.max(now, starts.at(-1) ?? now, blocking === undefined ? now : blocking + windowMs);
    if (ahead === waiting) return at;
    starts.push(at);
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const burstOf = (callsPerSecond: number): number => Math.max(1, Math.floor(callsPerSecond));

/** The calls to one carrier: first come, first served, none too soon. */
export class Turns {
  #started: number[] = [];
  #waiting = 0;
  #line: Promise<void> = Promise.resolve();

  /** @param now ms of a monotonic clock */
  constructor(private readonly now: () => number) {}

  /** True in its turn; false at once where that would come later than `queueMs` (and the margin) from now. */
  async take(callsPerSecond: number, queueMs: number): Promise<boolean> {
    const now = this.now();
    const at = nextStart(this.#started, this.#waiting, callsPerSecond, now);
    if (at - now > queueMs + MARGIN_MS) return false;
    if (at <= now && this.#waiting === 0) this.#start(callsPerSecond);
    else {
      this.#waiting += 1;
      this.#line = this.#line.then(() => this.#untilFree(callsPerSecond));
      await this.#line;
    }
    return true;
  }

  async #untilFree(callsPerSecond: number): Promise<void> {
    for (;;) {
      const now = this.now();
      const at = nextStart(this.#started, 0, callsPerSecond, now);
      if (at <= now) break;
      await wait(at - now);
    }
    this.#waiting -= 1;
    this.#start(callsPerSecond);
  }

  #start(callsPerSecond: number): void {
    this.#started = [...this.#started, this.now()].slice(-burstOf(callsPerSecond));
  }
}
