import { noCounts, type RateCounts } from '../numbers/call-rates.js';
import type { RateStore } from '../numbers/rate-book.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';

/** How people call changes with the season and the site: the present period and the one before count. */
const PERIOD_MS = 30 * 86_400_000;

const PARTS = ['calls', 'expected'] as const;

/** The call rates' counts of each site: a hash of at most 506 numbers for each period of 30 days. */
export class RedisCallRates implements RateStore {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly now: () => number = Date.now,
  ) {}

  async add(site: string, counts: RateCounts): Promise<void> {
    const key = this.keys.callRates(site, this.#period());
    await this.link.pipeline((pipe) => {
      for (const part of PARTS) {
        counts[part].forEach((value, bin) => {
          if (value > 0) pipe.hincrbyfloat(key, `${part}:${bin}`, value);
        });
      }
      pipe.pexpire(key, 2 * PERIOD_MS);
    });
  }

  async read(site: string): Promise<RateCounts> {
    const period = this.#period();
    const hashes = await this.link.pipeline((pipe) => {
      for (const one of [period, period - 1]) pipe.hgetall(this.keys.callRates(site, one));
    });
    const sum = noCounts();
    for (const hash of hashes) {
      for (const [field, value] of Object.entries(hash as Record<string, string>)) addField(sum, field, Number(value));
    }
    return sum;
  }

  #period(): number {
    return Math.floor(this.now() / PERIOD_MS);
  }
}

/** Bins of another version's edges are passed over. */
function addField(sum: RateCounts, field: string, value: number): void {
  const [name, number] = field.split(':');
  const part = PARTS.find((one) => one === name);
  const bin = Number(number);
  const before = part && sum[part][bin];
  if (part && before !== undefined) sum[part][bin] = before + value;
}
