import { digitsOf } from '../history/numbers.js';
import type { CallbackTurns, QueuedNumber, Turn } from '../history/query.js';
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

  async take(caller: QueuedNumber, by: string, until: number | null): Promise<Turn | 'gone' | null> {
    const turn = await this.#change(caller, by, until ?? 0);
    return turn === 'ended' ? null : turn;
  }

  async end(caller: QueuedNumber, by: string): Promise<Turn | 'gone' | 'ended' | null> {
    return this.#change(caller, by, 0);
  }

  async #change({ site, number }: QueuedNumber, by: string, until: number): Promise<Turn | 'gone' | 'ended' | null> {
    const now = this.now();
    return this.link.run({
      script: takeScript,
      keys: [this.keys.missed()],
      args: [this.keys.history(), `${site ?? ''}|${digitsOf(number)}`, by, now, until],
      read: (reply) => {
        if (typeof reply !== 'string') return 'gone';
        return reply === 'ended' ? reply : readTurn(reply, now);
      },
    });
  }
}
