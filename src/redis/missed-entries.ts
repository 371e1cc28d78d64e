import type { LostCaller, MissedEntries } from '../history/missed-restorer.js';
import { digitsOf } from '../history/numbers.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, loadScript } from './scripts.js';

const restoreScript = loadScript('restore-missed');
const countScript = loadScript('count-missed');

/** The queue of missed callers as a whole (`MissedEntries` of history/missed-restorer.ts). */
export class RedisMissedEntries implements MissedEntries {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  areWhole(): Promise<boolean> {
    return this.#count(0);
  }

  async close(): Promise<void> {
    await this.#count(1);
  }

  async put({ site, number, attempts, firstAt, lastAt, callId, forCapacity }: LostCaller): Promise<boolean> {
    const who = `${site ?? ''}|${digitsOf(number)}`;
    const put = await this.link.run({
      script: restoreScript,
      keys: [this.keys.missed(), this.keys.call(callId)],
      args: [this.keys.history(), who, attempts, firstAt, lastAt, callId, forCapacity ? 1 : 0],
      read: asNumber,
    });
    return put === 1;
  }

  async #count(count: 0 | 1): Promise<boolean> {
    const whole = await this.link.run({
      script: countScript,
      keys: [this.keys.missed(), this.keys.historyState()],
      args: [this.keys.history(), count],
      read: asNumber,
    });
    return whole === 1;
  }
}
