// A client of `npm run bench:leases`, in a process of its own: the task comes as its argument, figures go to its parent.
import { Pool } from 'undici';
import { LeaseDesk } from '../src/leases/desk.js';
import { GatewayError } from '../src/lib/errors.js';
import { RedisLink } from '../src/redis/connection.js';
import { Keys } from '../src/redis/keys.js';
import { RedisLeases } from '../src/redis/leases.js';
import { visitor } from '../test/support/lender.js';
import { KEY, POLICY, PREFIX, SITE, type ClientReport, type ClientTask } from './lib/lease-bench.js';

const REPORT_MS = 100;
const EXTENDS = 0.1;
const RELEASES = 0.3;

const task = JSON.parse(process.argv[2] ?? '{}') as ClientTask;
const report: ClientReport = { allocated: 0, withoutNumber: 0 };
let visitors = 0;

type Allocate = (sessionId: string) => Promise<string | null>;

function overHttp(address: string): Allocate {
  const pool = new Pool(address, { connections: task.loops });
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  return async (sessionId) => {
    const body = JSON.stringify({ site: SITE, session: visitor(sessionId) });
    const answer = await pool.request({ method: 'POST', path: '/v1/leases', headers, body });
    const { lease } = (await answer.body.json()) as { lease: { id: string } | null };
    if (answer.statusCode >= 300) throw new Error(`status ${answer.statusCode}`);
    return lease?.id ?? null;
  };
}

const link = new RedisLink({ url: task.redisUrl });
await link.waitUntilReady(10_000);
const desk = new LeaseDesk(new RedisLeases(link, new Keys(PREFIX)), () => POLICY);
const atStore: Allocate = async (sessionId) => {
  const { lease } = await desk.allocate({ site: SITE, session: visitor(sessionId) });
  return lease?.leaseId ?? null;
};
const allocate = task.http === null ? atStore : overHttp(task.http);

/** On a crowded machine Redis may be late, and a lease may have ended; that is no failure of the bench. */
function unlessAway(error: unknown): undefined {
  const code = error instanceof GatewayError ? error.code : '';
  if (code !== 'GW_ERR_REDIS_AWAY' && code !== 'GW_ERR_NOT_FOUND') throw error;
}

async function loop(): Promise<void> {
  for (;;) {
    const leaseId = await allocate(`${process.pid}-${(visitors += 1)}`).catch(unlessAway);
    if (leaseId === undefined) continue;
    if (leaseId === null) report.withoutNumber += 1;
    else report.allocated += 1;
    if (!task.mixed || leaseId === null) continue;
    const chance = Math.random();
    if (chance < EXTENDS) await desk.extend(leaseId).catch(unlessAway);
    else if (chance < EXTENDS + RELEASES) await desk.release(leaseId).catch(unlessAway);
  }
}

setInterval(() => process.send?.(report), REPORT_MS);
process.once('disconnect', () => process.exit(0));
await Promise.all(Array.from({ length: task.loops }, loop));
