/** More answers than these are not held back at once: a flood must not become a heap of timers. */
const MOST_HELD = 200;

/** Delays answers to who guesses passwords. */
export class HeldAnswers {
  readonly #held = new Map<NodeJS.Timeout, () => void>();

  /** Resolves after `delayMs`; at once when too many wait already. */
  hold(delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#held.size >= MOST_HELD) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#held.delete(timer);
        resolve();
      }, delayMs);
      this.#held.set(timer, resolve);
    });
  }

  releaseAll(): void {
    for (const [timer, resolve] of this.#held) {
      clearTimeout(timer);
      resolve();
    }
    this.#held.clear();
  }
}
