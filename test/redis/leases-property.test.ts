import fc from 'fast-check';
import { afterEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { LeaseDesk } from '../../src/leases/desk.js';
import type { PoolPolicy } from '../../src/leases/ports.js';
import { RedisLink } from '../../src/redis/connection.js';
import { RedisLeases } from '../../src/redis/leases.js';
import type { ScriptCall } from '../../src/redis/scripts.js';
import { doubleLends } from '../support/holders.js';
import { visitor, writeNumber } from '../support/lender.js';
import { openRedis } from '../support/redis.js';
import { PATIENCE_MS } from '../support/until.js';

const RUNS = 60;
const NUMBERS = 4;
/** So short that leases end, rest and are lent again many times within a run. */
const POLICY: PoolPolicy = { lease: 12, maxLease: 1_000, quarantine: 5, low: 0.2, holders: 86_400_000 };

class Crash extends Error {}

/** A gateway that dies at a script: before the server has it, or after, with the reply lost. */
class MortalLink extends RedisLink {
  scriptsLeft = Infinity;
  replyLost = false;

  override async run<R>(call: ScriptCall<R>): Promise<R> {
    this.scriptsLeft -= 1;
    if (this.scriptsLeft < 0 && !this.replyLost) throw new Crash();
    const result = await super.run(call);
    if (this.scriptsLeft < 0) throw new Crash();
    return result;
  }
}

const step = fc.record({
  gateway: fc.nat(1),
  session: fc.nat(9),
  action: fc.constantFrom('allocate', 'allocate', 'allocate', 'extend', 'release'),
  /** The gateway dies within this step, at that script. */
  crashAt: fc.option(fc.nat(3), { freq: 4 }),
  replyLost: fc.boolean(),
  /** Clocks of gateways may show anything. */
  clock: fc.integer({ min: -86_400_000, max: 86_400_000 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
/** What happens at once. */
const round = fc.array(step, { minLength: 1, maxLength: 6 });

describe('leases, whatever happens', () => {
  afterEach(() => vi.useRealTimers());

  it('never give one number to two sessions, nor without its rest', async () => {
    const { raw, prefix, keys } = await openRedis();
    const links = [0, 1].map(() => new MortalLink({ url: inject('redisUrl') }));
    onTestFinished(() => links.forEach((link) => link.close()));
    await Promise.all(links.map((link) => link.waitUntilReady(PATIENCE_MS)));
    let [run, lent, crashes] = [0, 0, 0];

    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 20, maxLength: 40, size: 'max' }), async (rounds) => {
        const site = `s${(run += 1)}`;
        const numbers = Array.from({ length: NUMBERS }, (_, i) => `+7${1_000_000_000 + run * 100 + i}`);
        for (const number of numbers) {
          await writeNumber(raw, prefix, number, { site, kind: 'dynamic' });
          await raw.zadd(keys.pool(site), 0, number);
        }
        const leases = new Map<string, string>();
        vi.useFakeTimers({ toFake: ['Date'] });
        const take = async ({ gateway, session, action, crashAt, replyLost, clock }: Step) => {
          vi.setSystemTime(1_800_000_000_000 + clock);
          const link = links[gateway];
          if (!link) return;
          link.scriptsLeft = crashAt ?? Infinity;
          link.replyLost = replyLost;
          const desk = new LeaseDesk(new RedisLeases(link, keys), () => POLICY);
          const id = `${site}-${session}`;
          try {
            if (action === 'allocate') {
              const { lease } = await desk.allocate({ site, session: visitor(id) });
              if (!lease) return;
              lent += 1;
              leases.set(id, lease.leaseId);
              expect(lease.sessionId).toBe(id);
            } else if (action === 'extend') await desk.extend(leases.get(id) ?? '');
            else await desk.release(leases.get(id) ?? '');
          } catch (error) {
            if (error instanceof Crash) crashes += 1;
            else if ((error as { code?: string }).code !== 'GW_ERR_NOT_FOUND') throw error;
          }
        };
        for (const together of rounds) await Promise.all(together.map(take));
        vi.useRealTimers();
        for (const number of numbers)
          expect(doubleLends(await raw.zrange(keys.holders(number), 0, -1), POLICY.quarantine)).toEqual([]);
        // Nothing is lost for good: all of the pool is free again by itself.
        for (const score of (await raw.zrange(keys.pool(site), 0, -1, 'WITHSCORES')).filter((_, i) => i % 2))
          expect(Number(score)).toBeLessThan(Date.now() + POLICY.maxLease + 1_000);
        expect(await raw.zcard(keys.pool(site))).toBe(NUMBERS);
      }),
      { numRuns: RUNS },
    );
    process.stdout.write(`leases: ${lent} lent in ${run} runs, ${crashes} crashes between the steps\n`);
    expect(lent).toBeGreaterThan(500);
    expect(crashes).toBeGreaterThan(100);
  });
});
