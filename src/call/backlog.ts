/** Calls that may wait at once. Each holds some 46 kB (measured): together half a gigabyte, and hours without Redis. */
const MOST = 10_000;
/**
 * Written at once after an outage, when thousands wait: enough to keep Redis busy, few enough to leave it room for new
 * calls.
 */
const AT_ONCE = 32;

/** The last write of one call, which may be given up. */
export interface LastWrite {
  abandon(): void;
}

/**
 * Calls that are over and wait for nothing but Redis. They are written in the order of their ends, a few at a time: the
 * others cost their memory and nothing else. There is a bound: beyond it the oldest are given up, since the next call
 * is worth more than the story of the last one.
 */
export class Backlog {
  /** In the order in which they came; the first of them are being written. */
  readonly #waiting = new Set<LastWrite>();
  readonly #turns: (() => void)[] = [];
  #writing = 0;

  constructor(
    private readonly most = MOST,
    private readonly atOnce = AT_ONCE,
  ) {}

  get size(): number {
    return this.#waiting.size;
  }

  /** Runs `write` when its turn has come. */
  async run(one: LastWrite, write: () => Promise<void>): Promise<void> {
    this.#waiting.add(one);
    if (this.#waiting.size > this.most) this.#giveUpOldest();
    if (this.#writing >= this.atOnce) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#writing += 1;
    try {
      await write();
    } finally {
      this.#waiting.delete(one);
      const next = this.#turns.shift();
      if (next) next();
      else this.#writing -= 1;
    }
  }

  /** Taken out at once, since the write itself may take a moment to stop. */
  #giveUpOldest(): void {
    const [oldest] = this.#waiting;
    if (!oldest) return;
    this.#waiting.delete(oldest);
    oldest.abandon();
  }
}
