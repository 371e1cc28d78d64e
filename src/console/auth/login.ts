import { createHash } from 'node:crypto';
import type { ConsoleUserConfig } from '../../config/schema.js';
import { sourceOf } from '../../lib/source.js';
import { MAX_PASSWORD, verifyNobody, verifyPassword } from './passwords.js';
import type { AttemptBook, AttemptRule } from './ports.js';
import { markOf } from './sessions.js';

/** A forgotten password takes three or four tries; after them each wait is twice the one before. */
const USER_RULE: AttemptRule = { free: 5, firstWaitMs: 2_000, maxWaitMs: 900_000, forgetMs: 3_600_000 };
/** An office may share one address. */
const ADDRESS_RULE: AttemptRule = { free: 30, firstWaitMs: 2_000, maxWaitMs: 900_000, forgetMs: 3_600_000 };
/** Hashing takes 32 MB and a core for a tenth of a second: what calls need must be left. */
const MOST_AT_ONCE = 2;
const MOST_WAITING = 20;

export type LoginResult =
  | { outcome: 'in'; user: ConsoleUserConfig; passwordMark: string }
  | { outcome: 'wrong' }
  /** Not looked at. */
  | { outcome: 'wait'; seconds: number };

/** Log-in by name and password. Wrong name and wrong password look the same, and take the same time. */
export class PasswordLogin {
  #hashing = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly users: () => readonly ConsoleUserConfig[],
    private readonly book: AttemptBook,
  ) {}

  async try(name: string, password: string, address: string): Promise<LoginResult> {
    const user = this.users().find((one) => one.name === name);
    const subjects = { user: `user ${user ? name : strangerOf(name)}`, address: `address ${sourceOf(address)}` };
    const waitMs = await this.book.attempt([
      { subject: subjects.user, rule: USER_RULE },
      { subject: subjects.address, rule: ADDRESS_RULE },
    ]);
    if (waitMs > 0) return { outcome: 'wait', seconds: Math.ceil(waitMs / 1000) };
    if (this.#waiting.length >= MOST_WAITING) return { outcome: 'wait', seconds: 2 };
    const right = await this.#oneByOne(() => (user ? verifyPassword(password, user.password) : verifyNobody(password)));
    if (!right || !user || password.length > MAX_PASSWORD) return { outcome: 'wrong' };
    await this.book.succeeded(subjects.user, subjects.address);
    return { outcome: 'in', user, passwordMark: markOf(user.password) };
  }

  async #oneByOne<T>(work: () => Promise<T>): Promise<T> {
    if (this.#hashing >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#hashing += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place is passed on, so that nobody takes it in between.
      if (next) next();
      else this.#hashing -= 1;
    }
  }
}

/** Names that are nobody's are as many as one likes: they are counted in 256 places. */
function strangerOf(name: string): string {
  return `stranger-${createHash('sha256').update(name).digest().readUInt8(0)}`;
}
