import type { PoolChange } from '../events/scarcity.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';

/** One change of a limit's level, as a script has written it down. */
export interface LevelChange {
  resource: string;
  /** 1, 2, 3 … of this resource. */
  number: number;
  level: 'ok' | 'high' | 'exhausted';
  inUse: number;
  limit: number;
  /** By the clock of Redis, ms since the epoch. */
  at: number;
  /** The entry itself, to be struck off by. */
  entry: string;
}

/** The list of changes that nobody has told yet. It outlives whichever gateway should have done so. */
export class UntoldChanges {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  /** In the order they happened. */
  async of(resource: string): Promise<LevelChange[]> {
    const entries = await this.link.send((client) => client.lrange(this.keys.channelUntold(resource), 0, -1));
    return entries.map((entry) => {
      const [number, level, inUse, limit, at] = entry.split('|');
      return {
        resource,
        number: Number(number),
        level: level === 'high' || level === 'exhausted' ? level : 'ok',
        inUse: Number(inUse),
        limit: Number(limit),
        at: Number(at),
        entry,
      };
    });
  }

  async strikeOff({ resource, entry }: LevelChange): Promise<void> {
    await this.link.send((client) => client.lrem(this.keys.channelUntold(resource), 1, entry));
  }
}

export interface PoolLevelChange extends PoolChange {
  entry: string;
}

/** The same for pools: only changes for the worse are written down. `resource` is `pool:<site>`. */
export class UntoldPoolChanges {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async of(resource: string): Promise<PoolLevelChange[]> {
    const entries = await this.link.send((client) => client.lrange(this.#key(resource), 0, -1));
    return entries.map((entry) => {
      const [number, level, free, total, at] = entry.split('|');
      return {
        resource,
        number: Number(number),
        level: level === 'low' ? 'low' : 'exhausted',
        free: Number(free),
        total: Number(total),
        at: Number(at),
        entry,
      };
    });
  }

  async strikeOff({ resource, entry }: PoolLevelChange): Promise<void> {
    await this.link.send((client) => client.lrem(this.#key(resource), 1, entry));
  }

  #key = (resource: string): string => this.keys.poolUntold(resource.slice('pool:'.length));
}
