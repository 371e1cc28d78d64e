/** Each holds some 50 kB (measured: 46): half a gigabyte, and hours without Redis. */
const MOST = 10_000;
/** After an outage thousands wait: so many at once keep Redis busy, and leave it room for the calls that come in. */
const AT_ONCE = 32;

/** What is written last of a call, and may be given up. */
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

  /** It may take a moment to leave: the next one over the bound must not find it here again. */
  #giveUpOldest(): void {
    const [oldest] = this.#waiting;
    if (!oldest) return;
    this.#waiting.delete(oldest);
    oldest.abandon();
  }
}
