/** Addresses remembered at a time; more than that within a minute is an attack, and the oldest may come again. */
const MAX_ADDRESSES = 50_000;
const WINDOW_MS = 60_000;

/** Counts what each address asks within a minute, in this process: how fast one address can empty a pool. */
export class RateLimit {
  #since = 0;
  #counts = new Map<string, number>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Seconds to wait; 0 where `address` may ask. */
  take(address: string, perMinute: number): number {
    const now = this.now();
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#counts = new Map();
    }
    const count = (this.#counts.get(address) ?? 0) + 1;
    if (count > perMinute) return Math.ceil((this.#since + WINDOW_MS - now) / 1000);
    if (count === 1 && this.#counts.size >= MAX_ADDRESSES) {
      const [oldest] = this.#counts.keys();
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    this.#counts.set(address, count);
    return 0;
  }
}
