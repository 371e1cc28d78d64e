import type { RedisLink } from './connection.js';

/**
 * All names of Redis that begin with `prefix`, some `count` at a time, maybe none. A name may come twice. Rejects with
 * GW_ERR_REDIS_AWAY.
 */
export async function* namesFrom(link: RedisLink, prefix: string, count: number): AsyncGenerator<string[]> {
  for (const server of link.servers) {
    let cursor = '0';
    do {
      const [next, names] = await link.send(() => server.scan(cursor, 'MATCH', `${escaped(prefix)}*`, 'COUNT', count));
      yield names;
      cursor = next;
    } while (cursor !== '0');
  }
}

/** A prefix in a pattern of Redis. */
const escaped = (text: string): string => text.replace(/[\\*?[\]]/g, '\\$&');
