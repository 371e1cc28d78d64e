import { withDeadline } from '../../lib/deadline.js';

/** How long a phone waits for what it is asked for, where nothing else is said: longer than any SIP transaction. */
export const PATIENCE_MS = 60_000;

/** Something that happens once, or is known never to happen; it may be asked for before and after. */
export class Latch<T> {
  readonly #promise: Promise<T>;
  #resolve: (value: T) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #value: T | undefined;

  constructor(private readonly what: string) {
    this.#promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#promise.catch(() => undefined); // nobody may ask
  }

  get value(): T | undefined {
    return this.#value;
  }

  set(value: T): void {
    this.#value ??= value;
    this.#resolve(value);
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  wait(timeoutMs: number): Promise<T> {
    return withDeadline(this.#promise, timeoutMs, this.what);
  }
}
