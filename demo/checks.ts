import { isDeepStrictEqual } from 'node:util';
import { say } from './story.js';

/** What was checked; the demo's status follows from it. */
export class Checks {
  passed = 0;
  readonly failed: string[] = [];

  /** `actual` must be `expected`, in every part. */
  same(what: string, actual: unknown, expected: unknown): void {
    const right = isDeepStrictEqual(actual, expected);
    this.that(what, right, right ? '' : `is ${JSON.stringify(actual)}, should be ${JSON.stringify(expected)}`);
  }

  that(what: string, right: boolean, detail = ''): void {
    if (right) this.passed += 1;
    else {
      this.failed.push(`${what}${detail ? `: ${detail}` : ''}`);
      say(`      FAIL        ${this.failed.at(-1) ?? ''}`);
    }
  }

  /** Runs `check` and prints one line about what it looked at. */
  async section(what: string, check: () => void | Promise<void>): Promise<void> {
    const [passed, failed] = [this.passed, this.failed.length];
    await check();
    const wrong = this.failed.length - failed;
    say(`      checked     ${this.passed - passed} right${wrong > 0 ? `, ${wrong} WRONG` : ''}: ${what}`);
  }
}
