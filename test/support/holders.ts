import type { Holder } from '../../src/call/ports.js';
import { parseHolderJson } from '../../src/redis/holders.js';

/**
 * What must never be: two sessions that have a number at once, or one right after the other without its rest.
 * @param members the whole history of one number as it stands in Redis
 */
export function doubleLends(members: readonly string[], quarantineMs: number): string[] {
  const holders = members
    .map((member) => parseHolderJson(member))
    .filter((holder): holder is Holder => holder !== null)
    .sort((a, b) => a.leasedAt - b.leasedAt);
  return holders.flatMap((holder, i) => {
    const before = holders[i - 1];
    if (!before || before.sessionId === holder.sessionId || holder.leasedAt >= before.expiresAt + quarantineMs)
      return [];
    return [`${before.sessionId} until ${before.expiresAt}, ${holder.sessionId} from ${holder.leasedAt}`];
  });
}
