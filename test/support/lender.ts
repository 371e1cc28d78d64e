import type { Redis } from 'ioredis';
import type { VisitorSession } from '../../src/call/call.js';

/** Another service's side of the contract: it owns the number pool and writes these keys into our Redis. */

export async function writeNumber(
  redis: Redis,
  prefix: string,
  number: string,
  fields: Record<string, string>,
): Promise<void> {
  await redis.hset(`${prefix}number:{${number}}`, { enabled: 'true', ...fields });
}

/** Lends `number` from a minute ago until ten minutes from now. */
export async function lend(
  redis: Redis,
  prefix: string,
  number: string,
  site: string,
  session: VisitorSession,
): Promise<void> {
  const leasedAt = Date.now() - 60_000;
  const expiresAt = Date.now() + 600_000;
  const lease = { leaseId: `lease-${session.id}`, sessionId: session.id, site, leasedAt, expiresAt };
  await redis
    .multi()
    .hset(`${prefix}lease:{${number}}`, { ...lease, session: JSON.stringify(session) })
    .pexpireat(`${prefix}lease:{${number}}`, expiresAt)
    .zadd(`${prefix}holders:{${number}}`, leasedAt, JSON.stringify({ ...lease, session }))
    .exec();
}

/** A visitor who came from a search ad. */
export function visitor(id: string): VisitorSession {
  return {
    id,
    visitorId: `visitor-of-${id}`,
    landingPage: 'https://shop.example/divany?utm_source=yandex',
    referrer: 'https://ya.example/search',
    utm: { source: 'yandex', medium: 'cpc', campaign: 'divany', content: 'ad-1', term: 'купить диван' },
    keyword: 'купить диван',
    gclid: null,
    yclid: `yclid-${id}`,
    gaClientId: '1.1',
    ymClientId: '2',
  };
}
