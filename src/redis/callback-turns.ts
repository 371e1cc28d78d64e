import { digitsOf } from '../history/numbers.js';
import type { CallbackTurns, Turn } from '../history/query.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { readTurn } from './missed.js';
import { loadScript } from './scripts.js';

const takeScript = loadScript('take-missed');

/** Who calls back whom: one at a time, for all gateways together. */
export class RedisCallbackTurns implements CallbackTurns {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly now: () => number = Date.now,
  ) {}

  async take(
    { site, number }: { site: string | null; number: string },
    by: string,
    until: number | null,
  ): Promise<Turn | 'gone' | null> {
    const now = this.now();
    return this.link.run({
      script: takeScript,
      keys: [this.keys.missed()],
      args: [this.keys.history(), `${site ?? ''}|${digitsOf(number)}`, by, now, until ?? 0],
      read: (reply) => (typeof reply === 'string' ? readTurn(reply, now) : 'gone'),
    });
  }
}
