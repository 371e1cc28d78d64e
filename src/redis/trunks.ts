import type { SharedTrunks, TrunkWord } from '../trunks/carriers/ports.js';
import { buildOperationalEvent } from '../events/catalogue.js';
import { newEventId } from '../lib/ids.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { loadScript } from './scripts.js';

/** Words are repeated each 15 s (trunks/carriers). */
const WORD_LIFE_MS = 60_000;

const tellScript = loadScript('tell-trunk');

export interface TrunkEndpoints {
  down: string[];
  up: string[];
}

/** What all gateways know of trunks together: what is drained, when each was last heard, what was told of them. */
export class RedisTrunks {
  /**
   * @param gateway the configured id: a restarted gateway takes its own former word back
   * @param onQueued deliveries were queued for these endpoints
   * @param wordLifeMs for tests
   */
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly gateway: string,
    private readonly onQueued: (endpoints: string[]) => void,
    private readonly wordLifeMs: number = WORD_LIFE_MS,
  ) {}

  /** One exchange. Rejects with GW_ERR_REDIS_AWAY. */
  async share(heard: ReadonlyMap<string, number>): Promise<SharedTrunks> {
    const replies = await this.link.pipeline((pipe) => {
      pipe.smembers(this.keys.drained()).hgetall(this.keys.heardTrunks());
      if (heard.size > 0) pipe.hset(this.keys.heardTrunks(), heard);
    });
    const failed = replies.find((reply) => reply instanceof GatewayError);
    if (failed) throw failed;
    const [drained, heardAt] = replies as [string[], Record<string, string>];
    return {
      drained: new Set(drained),
      heardAt: new Map(Object.entries(heardAt).map(([trunk, at]) => [trunk, Number(at) || 0])),
    };
  }

  async setDrained(name: string, on: boolean): Promise<void> {
    const key = this.keys.drained();
    await this.link.send((client) => (on ? client.sadd(key, name) : client.srem(key, name)));
  }

  /** The event is written in the same step as the change it tells, over all gateways once. */
  async tell({ trunk, reason, down }: TrunkWord, endpoints: TrunkEndpoints): Promise<'down' | 'up' | 'known'> {
    const id = newEventId();
    const now = Date.now();
    const [whenDown, whenUp] = (['trunk.down', 'trunk.up'] as const).map((type) =>
      buildOperationalEvent(type, { trunk, reason }, now, id),
    );
    const told = await this.link.run({
      script: tellScript,
      keys: [
        this.keys.trunkWords(trunk, reason),
        this.keys.trunkTold(trunk, reason),
        this.keys.events(),
        this.keys.endpoints(),
      ],
      args: [
        this.gateway,
        down ? 'down' : 'up',
        this.wordLifeMs,
        this.keys.outboxPrefix(),
        `about:trunk:${trunk}`,
        id,
        new Date(now).toISOString(),
        'trunk.down',
        JSON.stringify(whenDown),
        'trunk.up',
        JSON.stringify(whenUp),
        endpoints.down.length,
        ...endpoints.down,
        ...endpoints.up,
      ],
      read: (reply) => reply as 'down' | 'up' | 'known',
    });
    if (told !== 'known') this.onQueued(endpoints[told]);
    return told;
  }
}
