import { withDeadline } from '../src/lib/deadline.js';

/** Things that happen, in order: to be told as they come, and to be waited for, whether they have come yet or not. */
export class Happenings<T> {
  readonly all: T[] = [];
  readonly #listeners = new Set<(item: T) => void>();

  add(item: T): void {
    this.all.push(item);
    for (const listener of [...this.#listeners]) listener(item);
  }

  onEach(listener: (item: T) => void): void {
    this.#listeners.add(listener);
  }

  /** The first that fits; rejects where none has come within `timeoutMs`. */
  async first(what: string, fits: (item: T) => boolean, timeoutMs = 15_000): Promise<T> {
    const known = this.all.find(fits);
    if (known !== undefined) return known;
    const { promise, take } = waiter(fits);
    this.#listeners.add(take);
    return await withDeadline(promise, timeoutMs, what).finally(() => this.#listeners.delete(take));
  }
}

function waiter<T>(fits: (item: T) => boolean): { promise: Promise<T>; take: (item: T) => void } {
  let resolve: (item: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, take: (item) => fits(item) && resolve(item) };
}
