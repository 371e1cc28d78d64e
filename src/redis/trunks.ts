import type { SharedTrunks } from '../trunks/carriers/ports.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';

/** What all gateways know of trunks together: what is drained, and when each was last heard. */
export class RedisTrunks {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  /** One exchange. Rejects with GW_ERR_REDIS_AWAY. */
  async share(heard: ReadonlyMap<string, number>): Promise<SharedTrunks> {
    const [drained, heardAt] = (await this.link.pipeline((pipe) => {
      pipe.smembers(this.keys.drained()).hgetall(this.keys.heardTrunks());
      if (heard.size > 0) pipe.hset(this.keys.heardTrunks(), heard);
    })) as [string[], Record<string, string>];
    return {
      drained: new Set(drained),
      heardAt: new Map(Object.entries(heardAt).map(([trunk, at]) => [trunk, Number(at) || 0])),
    };
  }

  async setDrained(name: string, on: boolean): Promise<void> {
    const key = this.keys.drained();
    await this.link.send((client) => (on ? client.sadd(key, name) : client.srem(key, name)));
  }
}
