import { toError } from '../../lib/deadline.js';
import type { RedisAddress } from '../../redis/client.js';
import { RedisLink } from '../../redis/connection.js';
import { fail, ok, warn, type Finding } from './report.js';

const CONNECT_TIMEOUT_MS = 3000;
/** Of 7.0 are BITPOS and BITCOUNT by bits, which search the history, and the count of all events ever added to a stream. */
const LEAST_MAJOR = 7;
const SKEW_WARN_MS = 500;
const SKEW_FAIL_MS = 5000;

/** What the checks need to know; read in one go so that the checks are pure. */
export interface RedisFacts {
  version: string;
  /** null where CONFIG is not allowed to us (managed servers). */
  appendOnly: string | null;
  maxMemoryPolicy: string | null;
  /** Its clock less ours. */
  skewMs: number;
}

type Server = RedisLink['servers'][number];

export async function checkRedis(address: RedisAddress): Promise<Finding[]> {
  const link = new RedisLink({ ...address, name: 'calltrack-doctor' });
  let reason = '';
  link.on('down', (why) => (reason = why));
  try {
    await link.waitUntilReady(CONNECT_TIMEOUT_MS);
    const findings = link.servers.map(async (server) => {
      const { host = '', port = 0 } = server.options;
      const what = address.cluster?.length ? `redis ${host}:${port}` : nameOf(address);
      return judgeRedis(what, await readFacts(link, server));
    });
    return (await Promise.all(findings)).flat();
  } catch (error) {
    return [fail(nameOf(address), `not reachable: ${reason || toError(error).message}`)];
  } finally {
    link.close();
  }
}

function nameOf({ url, sentinel, cluster }: RedisAddress): string {
  if (sentinel) return `redis ${sentinel.name} by sentinel`;
  return cluster?.length ? `redis cluster of ${cluster.join(', ')}` : `redis ${new URL(url).host}`;
}

async function readFacts(link: RedisLink, server: Server): Promise<RedisFacts> {
  const info = await link.send(() => server.info('server'));
  const setting = (name: string) =>
    link
      .send(() => server.config('GET', name))
      .then(
        (reply) => (Array.isArray(reply) ? String(reply[1]) : null),
        () => null,
      );
  const appendOnly = await setting('appendonly');
  const maxMemoryPolicy = await setting('maxmemory-policy');
  const before = Date.now();
  const [seconds = 0, micros = 0] = (await link.send(() => server.time())).map(Number);
  const middle = (before + Date.now()) / 2;
  const version = /redis_version:(\S+)/.exec(info)?.[1] ?? '0';
  return { version, appendOnly, maxMemoryPolicy, skewMs: Math.round(seconds * 1000 + micros / 1000 - middle) };
}

export function judgeRedis(what: string, facts: RedisFacts): Finding[] {
  const old = Number.parseInt(facts.version, 10) < LEAST_MAJOR;
  const skew = Math.abs(facts.skewMs);
  const judgeSkew = skew > SKEW_FAIL_MS ? fail : skew > SKEW_WARN_MS ? warn : ok;
  return [
    old
      ? fail(what, `version ${facts.version}; ${LEAST_MAJOR}.0 or later is needed`)
      : ok(what, `reachable, version ${facts.version}`),
    facts.appendOnly === 'yes'
      ? ok('redis appendonly', 'yes')
      : warn(
          'redis appendonly',
          `${facts.appendOnly ?? 'not to be read'}; "yes" keeps undelivered events over a restart`,
        ),
    facts.maxMemoryPolicy === 'noeviction'
      ? ok('redis maxmemory-policy', 'noeviction')
      : warn(
          'redis maxmemory-policy',
          `${facts.maxMemoryPolicy ?? 'not to be read'}; anything but "noeviction" may throw events away`,
        ),
    judgeSkew('clock', `${facts.skewMs} ms from that of Redis`),
  ];
}
