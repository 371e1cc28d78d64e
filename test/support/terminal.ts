import type { Terminal } from '../../src/cli/command.js';

/** A terminal that remembers what was said on it. */
export class Screen implements Terminal {
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  tty = false;
  readonly #stop = new AbortController();
  typed = '';

  constructor(readonly env: Record<string, string> = {}) {}

  secret(): Promise<string> {
    return Promise.resolve(this.typed);
  }

  get interrupted(): AbortSignal {
    return this.#stop.signal;
  }

  interrupt(): void {
    this.#stop.abort();
  }

  clear(): void {
    this.lines.length = 0;
  }

  out(text: string): void {
    this.lines.push(text);
  }

  err(text: string): void {
    this.errors.push(text);
  }
}
