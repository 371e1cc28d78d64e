import type { LevelChange, PoolChange } from '../events/scarcity.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';

/** With the entry itself, to be struck off by. */
type Untold<C> = C & { entry: string };

/** A list of changes that nobody has told yet. It outlives whichever gateway should have done so. */
class UntoldChanges<C extends { resource: string }> {
  constructor(
    private readonly link: RedisLink,
    private readonly keyOf: (resource: string) => string,
    private readonly read: (resource: string, fields: string[]) => C,
  ) {}

  /** In the order they happened. */
  async of(resource: string): Promise<Untold<C>[]> {
    const entries = await this.link.send((client) => client.lrange(this.keyOf(resource), 0, -1));
    return entries.map((entry) => ({ ...this.read(resource, entry.split('|')), entry }));
  }

  async strikeOff({ resource, entry }: Untold<C>): Promise<void> {
    await this.link.send((client) => client.lrem(this.keyOf(resource), 1, entry));
  }
}

/** Of limits, as `lib/ledger.lua` has written them down. */
export const untoldLevels = (link: RedisLink, keys: Keys): UntoldChanges<LevelChange> =>
  new UntoldChanges(link, keys.channelUntold, (resource, [number, level, inUse, limit, at]) => ({
    resource,
    number: Number(number),
    level: level === 'high' || level === 'exhausted' ? level : 'ok',
    inUse: Number(inUse),
    limit: Number(limit),
    at: Number(at),
  }));

/** Of pools, as `lib/pool.lua` has: only changes for the worse are written down. `resource` is `pool:<site>`. */
export const untoldPoolChanges = (link: RedisLink, keys: Keys): UntoldChanges<PoolChange> =>
  new UntoldChanges(
    link,
    (resource) => keys.poolUntold(resource.slice('pool:'.length)),
    (resource, [number, level, free, total, at]) => ({
      resource,
      number: Number(number),
      level: level === 'low' ? 'low' : 'exhausted',
      free: Number(free),
      total: Number(total),
      at: Number(at),
    }),
  );
