import { REFUSAL_REASONS } from '../leases/ports.js';
import type {
  Lease,
  LeaseStore,
  LendRequest,
  PoolPolicy,
  Refusal,
  Taken,
  TakeRequest,
  TakeResult,
} from '../leases/ports.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import { parseHolder } from './holders.js';
import { type Keys, numberResource } from './keys.js';
import { asNumber, asStrings, loadScript, type ScriptCall } from './scripts.js';

const takeScript = loadScript('take-number');
const lendScript = loadScript('lend-number');
const changeScript = loadScript('change-lease');
const countScript = loadScript('count-pool');
const noteScript = loadScript('note-lease');

/** Of one number; the oldest go first. Beside `pool.holders`, so that a number lent by the minute has a bound. */
const MOST_HOLDERS = 2_000;

interface LeasesHooks {
  /** A pool runs low or dry, and that is still to be told; said again until it is. */
  onUntold?: (site: string) => void;
}

/** What became of a lease in the number's hash tag; the pool is to be told. */
interface Changed {
  site: string;
  sessionId: string;
  leasedAt: number;
  endBefore: number;
  end: number;
}

/**
 * Leases in the contract keys and the pools they come from (`LeaseStore` of leases/ports.ts). Pool and number have hash
 * tags of their own, so lending takes two steps: docs/decisions/0006-a-lease-is-two-steps.md.
 */
export class RedisLeases implements LeaseStore {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly hooks: LeasesHooks = {},
  ) {}

  take(request: TakeRequest): Promise<TakeResult> {
    const { site, sessionId, policy, refused, asker } = request;
    const { keys } = this;
    return this.link.run({
      script: takeScript,
      keys: [
        keys.pool(site),
        keys.poolSession(site, sessionId),
        keys.poolState(site),
        keys.poolUntold(site),
        keys.poolAsker(site, asker?.id ?? ''),
      ],
      args: [
        request.leaseIdStart,
        request.lengthMs,
        policy.quarantine,
        policy.low,
        keys.poolHours(site),
        refused?.number ?? '',
        refused?.retryAt ?? 0,
        request.giveUp ? 1 : 0,
        asker?.share ?? '',
      ],
      read: (reply) => {
        const [outcome, number, leaseId, expiresAt, untold] = asStrings(reply);
        if (asNumber(untold) > 0) this.hooks.onUntold?.(site);
        if (outcome === 'held') return { outcome };
        if (outcome === 'dry') return { outcome, again: number === 'again' };
        return {
          outcome: outcome === 'kept' ? 'kept' : 'taken',
          ...named(number, leaseId),
          expiresAt: asNumber(expiresAt),
        };
      },
    });
  }

  lend({ site, session, taken, policy }: LendRequest): Promise<Lease | Refusal> {
    const { number, leaseId } = taken;
    const { keys } = this;
    return this.link.run({
      script: lendScript,
      keys: [keys.number(number), keys.lease(number), keys.holders(number), keys.channel(numberResource(number))],
      args: [
        site,
        leaseId,
        session.id,
        JSON.stringify(session),
        taken.expiresAt,
        policy.quarantine,
        policy.maxLease,
        policy.holders,
        MOST_HOLDERS,
      ],
      read: (reply) => {
        const [outcome, at, ends] = asStrings(reply);
        if (outcome !== 'lent') return refusalOf(number, outcome, asNumber(at));
        const times = { leasedAt: asNumber(at), expiresAt: asNumber(ends) };
        return { number, leaseId, sessionId: session.id, site, session, ...times };
      },
    });
  }

  async find(number: string): Promise<Lease | null> {
    const [lease = null] = await this.#standing([number]);
    return lease;
  }

  async list(site: string, after: string | null, most: number): Promise<{ leases: Lease[]; next: string | null }> {
    const index = this.keys.numberIndex(site);
    const from = after === null ? '-' : `(${after}`;
    const numbers = await this.link.send((client) => client.zrangebylex(index, from, '+', 'LIMIT', 0, most));
    const leases = (await this.#standing(numbers)).filter((lease) => lease?.site === site);
    return {
      leases: leases.filter((lease) => lease !== null),
      next: (numbers.length === most && numbers.at(-1)) || null,
    };
  }

  /** The leases that stand on these numbers; one exchange. */
  async #standing(numbers: readonly string[]): Promise<(Lease | null)[]> {
    if (numbers.length === 0) return [];
    const [now, ...replies] = await this.link.pipelineSettled((pipe) => {
      pipe.time();
      for (const key of numbers.map((number) => this.keys.lease(number))) pipe.type(key).hgetall(key);
    });
    return numbers.map((number, i) => {
      const [type, fields] = replies.slice(2 * i, 2 * i + 2);
      if (type instanceof GatewayError) throw type;
      if (type !== 'hash') return null;
      if (fields instanceof GatewayError) throw fields;
      const holder = parseHolder(fields as Record<string, string>);
      // A key of another service may have no end of its own.
      const [seconds] = asStrings(now);
      return holder && holder.expiresAt > asNumber(seconds) * 1000 ? { number, ...holder } : null;
    });
  }

  async findBySession(site: string, sessionId: string): Promise<Lease | null> {
    const own = await this.link.send((client) => client.get(this.keys.poolSession(site, sessionId)));
    const [number, leaseId] = own?.split(' ') ?? [];
    if (number === undefined || leaseId === undefined) return null;
    const lease = await this.find(number);
    return lease?.leaseId === leaseId ? lease : null;
  }

  async extend(lease: Lease, lengthMs: number, policy: PoolPolicy): Promise<Lease | null> {
    const changed = await this.#change(lease, lengthMs, policy);
    return changed && { ...lease, expiresAt: changed.end };
  }

  async release(lease: Lease, policy: PoolPolicy): Promise<boolean> {
    return (await this.#change(lease, 0, policy)) !== null;
  }

  /** How the pools stand now; one exchange. */
  async count(sites: readonly string[]): Promise<{ site: string; free: number; total: number }[]> {
    return this.link.runAll(
      sites.map((site) => ({
        script: countScript,
        keys: [this.keys.pool(site)],
        args: [],
        read: (reply: unknown) => {
          const [free = 0, total = 0] = asStrings(reply).map(asNumber);
          return { site, free, total };
        },
      })),
    );
  }

  async #change({ number, leaseId }: Lease, lengthMs: number, policy: PoolPolicy): Promise<Changed | null> {
    const changed = await this.link.run<Changed | null>({
      script: changeScript,
      keys: [this.keys.lease(number), this.keys.holders(number)],
      args: [leaseId, lengthMs, policy.holders, MOST_HOLDERS],
      read: (reply) => {
        const [site, sessionId, ...times] = asStrings(reply);
        if (typeof site !== 'string' || typeof sessionId !== 'string') return null;
        const [leasedAt = 0, endBefore = 0, end = 0] = times.map(asNumber);
        return { site, sessionId, leasedAt, endBefore, end };
      },
    });
    if (changed) await this.link.run(this.#note(number, leaseId, changed, policy));
    return changed;
  }

  #note(number: string, leaseId: string, changed: Changed, policy: PoolPolicy): ScriptCall<number> {
    const { site, sessionId, endBefore, end } = changed;
    return {
      script: noteScript,
      keys: [this.keys.pool(site), this.keys.poolSession(site, sessionId)],
      args: [number, leaseId, endBefore, end, policy.quarantine, this.keys.poolHours(site)],
      read: asNumber,
    };
  }
}

function named(
  number: string | null | undefined,
  leaseId: string | null | undefined,
): Pick<Taken, 'number' | 'leaseId'> {
  if (!number || !leaseId) throw new TypeError('the pool named no number');
  return { number, leaseId };
}

function refusalOf(number: string, outcome: string | null | undefined, at: number): Refusal {
  const reason = REFUSAL_REASONS.find((known) => known === outcome);
  if (!reason) throw new TypeError('the number was refused for no known reason');
  return { number, reason, retryAt: reason === 'none' ? null : at };
}
