import type { Cluster, Redis } from 'ioredis';
import type { VisitorSession } from '../../src/call/call.js';

/** Another service's side of the contract: it owns the number pool and writes these keys into our Redis. */

export async function writeNumber(
  redis: Redis | Cluster,
  prefix: string,
  number: string,
  fields: Record<string, string>,
): Promise<void> {
  await redis.hset(`${prefix}number:{${number}}`, { enabled: 'true', ...fields });
}

/** Lends `number`: unless told otherwise from a minute ago until ten minutes from now. What is over is remembered only. */
export async function lend(
  redis: Redis | Cluster,
  prefix: string,
  number: string,
  site: string,
  session: VisitorSession,
  { leasedAt, expiresAt } = { leasedAt: Date.now() - 60_000, expiresAt: Date.now() + 600_000 },
): Promise<void> {
  const lease = { leaseId: `lease-${session.id}`, sessionId: session.id, site, leasedAt, expiresAt };
  const steps = redis.multi().zadd(`${prefix}holders:{${number}}`, leasedAt, JSON.stringify({ ...lease, session }));
  if (expiresAt > Date.now())
    steps
      .hset(`${prefix}lease:{${number}}`, { ...lease, session: JSON.stringify(session) })
      .pexpireat(`${prefix}lease:{${number}}`, expiresAt);
  await steps.exec();
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
