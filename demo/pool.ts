import type { Redis } from 'ioredis';
import type { CastCall } from './cast.js';
import { SITE } from './cast.js';

/**
 * The number pool: another service, which knows nothing of the gateway but the three keys of docs/redis-keys.md
 * ("Contract") and lends each visitor of the site a number of his own.
 */
export class NumberPool {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /** Lends the call's number to its visitor from now on. Gives the name of the lease's key. */
  async lend({ trackingNumber, visitor }: CastCall, forMs: number): Promise<string> {
    if (visitor === null) throw new Error(`${trackingNumber} is bound to a source, not lent`);
    const leasedAt = Date.now();
    const lease = {
      leaseId: `lease-${visitor.id}`,
      sessionId: visitor.id,
      site: SITE,
      leasedAt,
      expiresAt: leasedAt + forMs,
    };
    const key = (kind: string): string => `${this.prefix}${kind}:{${trackingNumber}}`;
    await this.redis
      .multi()
      .hset(key('number'), { site: SITE, kind: 'dynamic', enabled: 'true' })
      .hset(key('lease'), { ...lease, session: JSON.stringify(visitor) })
      .pexpireat(key('lease'), lease.expiresAt)
      .zadd(key('holders'), leasedAt, JSON.stringify({ ...lease, session: visitor }))
      .exec();
    return key('lease');
  }
}
