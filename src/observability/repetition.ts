const AGAIN_MS = 60_000;

/** What is tried again and again fails in the same way each time: worth a line where it is new, and once a minute then. */
export class Repetition {
  #said = '';
  #at = -Infinity;

  isNews(text: string, nowMs = performance.now()): boolean {
    if (text === this.#said && nowMs - this.#at < AGAIN_MS) return false;
    this.#said = text;
    this.#at = nowMs;
    return true;
  }
}
