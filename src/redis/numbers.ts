import type { TrackingNumber } from '../call/ports.js';
import type { GatewayConfig } from '../config/schema.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import { parseNumber } from './holders.js';
import type { Keys } from './keys.js';
import { listInPools, runInBatches, type Listing } from './pool-list.js';
import { asNumber, loadScript, type ScriptCall } from './scripts.js';

type NumberConfig = GatewayConfig['numbers'][number];

const writeScript = loadScript('write-number');
const removeScript = loadScript('remove-number');

/** The configuration's tracking numbers in the contract keys, where the admission looks for all numbers alike. */
export class RedisNumbers {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  /**
   * Writes the numbers of the configuration and removes those that it wrote before and no longer has; repeating it
   * changes nothing. What other services wrote stays. Rejects with GW_ERR_REDIS_AWAY, having written a part perhaps.
   */
  async write(numbers: NumberConfig[]): Promise<void> {
    await runInBatches(
      this.#link,
      numbers.map((number) => this.#writeCall(number)),
    );
    const listed = numbers.map(({ site, number, kind }): Listing => {
      return { site, number, state: kind === 'dynamic' ? 'lent' : 'shown' };
    });
    await listInPools(this.#link, this.#keys, listed);
    const listKey = this.#keys.configuredNumbers();
    const before = await this.#link.send((client) => client.smembers(listKey));
    const present = new Set(numbers.map(({ number }) => number));
    const gone = before.filter((number) => !present.has(number));
    const sites = await runInBatches(
      this.#link,
      gone.map((number) => ({ script: removeScript, keys: [this.#keys.number(number)], args: [], read: String })),
    );
    const left = gone.map((number, i): Listing => ({ site: sites[i] ?? '', number, state: 'gone' }));
    await listInPools(
      this.#link,
      this.#keys,
      left.filter(({ site }) => site !== ''),
    );
    const replies = await this.#link.pipeline((pipe) => {
      if (gone.length > 0) pipe.srem(listKey, ...gone);
      if (present.size > 0) pipe.sadd(listKey, ...present);
    });
    for (const reply of replies) if (reply instanceof GatewayError) throw reply;
  }

  /** One number as it stands in Redis, whoever wrote it; null where there is none or nothing readable. */
  async read(number: string): Promise<TrackingNumber | null> {
    const key = this.#keys.number(number);
    const [type, fields] = await this.#link.pipeline((pipe) => pipe.type(key).hgetall(key));
    if (type instanceof GatewayError) throw type;
    if (type !== 'hash') return null;
    if (fields instanceof GatewayError) throw fields;
    return parseNumber(number, fields as Record<string, string>);
  }

  #writeCall({ number, site, kind, route, source }: NumberConfig): ScriptCall<number> {
    return {
      script: writeScript,
      keys: [this.#keys.number(number)],
      args: [site, kind, route ?? '', source ? JSON.stringify(source) : ''],
      read: asNumber,
    };
  }
}
