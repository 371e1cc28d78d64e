import { toError } from '../../lib/deadline.js';
import { gatewayName, type RedisAddress } from '../../redis/client.js';
import { RedisLink } from '../../redis/connection.js';
import { fail, ok, warn, type Finding } from './report.js';

const CONNECT_TIMEOUT_MS = 3000;
/** Of 7.0 are BITPOS and BITCOUNT by bits, which search the history, and the count of all events ever added to a stream. */
const LEAST_MAJOR = 7;
const SKEW_WARN_MS = 500;
const SKEW_FAIL_MS = 5000;
/** Redis copies pages that change while it writes its files: what is left must suffice for that and for a busy day. */
const FULL_WARN_SHARE = 0.8;
const MB = 1e6;
/** A gateway writes each few seconds; Redis goes on naming one whose host is gone without a word. */
const IDLE_SECONDS = 15;

/** What the checks need to know; read in one go so that the checks are pure. */
export interface RedisFacts {
  version: string;
  /** This and the next are null, and bytes are 0, where what answers does not say so: not all that speaks RESP is Redis. */
  appendOnly: boolean | null;
  maxMemoryPolicy: string | null;
  usedBytes: number;
  /** 0: no limit. */
  maxMemoryBytes: number;
  /** Of the machine. */
  memoryBytes: number;
  /** Its clock less ours. */
  skewMs: number;
}

type Server = RedisLink['servers'][number];

export async function checkRedis(address: RedisAddress, gatewayId: string): Promise<Finding[]> {
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
    const judged = (await Promise.all(findings)).flat();
    return [...judged, ...judgeNamesakes(gatewayId, await gatewaysOf(link, gatewayId))];
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

/** All of it by INFO: managed servers allow no CONFIG. */
async function readFacts(link: RedisLink, server: Server): Promise<RedisFacts> {
  const info = await link.send(() => server.info());
  const fact = (name: string): string | null => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1] ?? null;
  const appendOnly = fact('aof_enabled');
  const before = Date.now();
  const [seconds = 0, micros = 0] = (await link.send(() => server.time())).map(Number);
  const middle = (before + Date.now()) / 2;
  return {
    version: fact('redis_version') ?? '0',
    appendOnly: appendOnly === null ? null : appendOnly === '1',
    maxMemoryPolicy: fact('maxmemory_policy'),
    usedBytes: Number(fact('used_memory')),
    maxMemoryBytes: Number(fact('maxmemory')),
    memoryBytes: Number(fact('total_system_memory')),
    skewMs: Math.round(seconds * 1000 + micros / 1000 - middle),
  };
}

/** Where those connect from that call themselves so: each gateway has one such connection. None where Redis does not tell. */
async function gatewaysOf(link: RedisLink, gatewayId: string): Promise<string[]> {
  const [server] = link.servers;
  if (!server) return [];
  const list = await link.send(() => server.client('LIST') as Promise<string>).catch(() => '');
  return list.split('\n').flatMap((line) => {
    const facts = new Map(line.split(' ').map((fact) => fact.split('=', 2) as [string, string]));
    const living = facts.get('name') === gatewayName(gatewayId) && Number(facts.get('idle')) < IDLE_SECONDS;
    return living ? [facts.get('addr') ?? ''] : [];
  });
}

function judgeNamesakes(gatewayId: string, gateways: string[]): Finding[] {
  if (gateways.length < 2) return [];
  const detail = `${gateways.length} gateways of this Redis have it (${gateways.join(', ')}); each wants its own`;
  return [warn(`gateway.id ${gatewayId}`, detail)];
}

export function judgeRedis(what: string, facts: RedisFacts): Finding[] {
  const { version, skewMs } = facts;
  const old = Number.parseInt(version, 10) < LEAST_MAJOR;
  const skew = Math.abs(skewMs);
  const judgeSkew = skew > SKEW_FAIL_MS ? fail : skew > SKEW_WARN_MS ? warn : ok;
  return [
    old
      ? fail(what, `version ${version}; ${LEAST_MAJOR}.0 or later is needed`)
      : ok(what, `reachable, version ${version}`),
    judgeAppendOnly(facts),
    judgePolicy(facts),
    judgeMemory(facts),
    judgeSkew('clock', `${skewMs} ms from that of Redis`),
  ];
}

function judgeAppendOnly({ appendOnly }: RedisFacts): Finding {
  if (appendOnly) return ok('redis appendonly', 'yes');
  const said = appendOnly === null ? 'not to be read' : 'no';
  return warn('redis appendonly', `${said}; "yes" keeps undelivered events over a restart`);
}

function judgePolicy({ maxMemoryPolicy, maxMemoryBytes }: RedisFacts): Finding {
  const what = 'redis maxmemory-policy';
  if (maxMemoryPolicy === 'noeviction') return ok(what, 'noeviction');
  if (maxMemoryPolicy === null) return warn(what, 'not to be read; anything but "noeviction" may throw events away');
  const when = maxMemoryBytes > 0 ? `once ${inMb(maxMemoryBytes)} are full` : 'as soon as there is a maxmemory';
  return warn(what, `${maxMemoryPolicy}; throws calls and events away ${when}, "noeviction" does not`);
}

/** Redis knows no bound but `maxmemory`; where it has none the machine's own ends it. */
function judgeMemory({ usedBytes, maxMemoryBytes, memoryBytes }: RedisFacts): Finding {
  const what = 'redis memory';
  const limited = maxMemoryBytes > 0;
  const most = limited ? maxMemoryBytes : memoryBytes;
  if (most === 0) return warn(what, 'not to be read');
  const detail = `${inMb(usedBytes)} used of ${inMb(most)} ${limited ? 'maxmemory' : 'of the machine, no maxmemory'}`;
  if (limited && usedBytes >= most) return fail(what, `${detail}: Redis takes no writes`);
  if (usedBytes < most * FULL_WARN_SHARE) return ok(what, detail);
  const then = limited ? 'takes no writes' : 'is killed';
  return warn(what, `${detail}: when it is full Redis ${then}`);
}

const inMb = (bytes: number): string => `${Math.round(bytes / MB)} MB`;
