import type { VisitorSession } from '../call/call.js';
import { GatewayError } from '../lib/errors.js';
import { newLeaseIdStart, numberOfLease } from './lease-id.js';
import type { Asker, Lease, LeaseStore, PoolPolicy, PromoCode, Refusal } from './ports.js';
import type { PromoDesk } from './promo-desk.js';

/**
 * Numbers that another service has lent or that are talked on are passed over, but not without end. Who lends by the
 * same rule has taken those that come next here too, so there may be dozens in a row; each is met once while it is taken.
 */
const MAX_TRIES = 128;

export interface AllocationRequest {
  site: string;
  session: VisitorSession;
  /** ms; the site's `pool.lease` where left out. */
  lengthMs?: number | undefined;
  /** Who may not have them all; null or left out: he may. */
  asker?: Asker | null;
}

/**
 * `lent`: a number of his own. `kept`: the one he has, extended. `fallback`: none was free; `number` is the site's
 * static one, null where it has none. `code`: this site lends promo codes in place of numbers.
 */
type Lending =
  | { outcome: 'lent' | 'kept'; number: string; lease: Lease }
  | { outcome: 'fallback' | 'code'; number: string | null; lease: null };

/** `promo`: for sites that lend codes; null too where nearly all of them are lent. */
export type Allocation = Lending & { promo: PromoCode | null };

export type LeaseOutcome = Allocation['outcome'] | 'robot' | 'held' | 'extended' | 'released';

export interface DeskHooks {
  /** Each thing that happened to a lease, for counting. */
  onOutcome?: (site: string, outcome: LeaseOutcome) => void;
  /** A visitor went without a number; once for each. */
  onFallback?: (site: string) => void;
}

/** Lends the numbers of a site's pool to its visitors. */
export class LeaseDesk {
  constructor(
    private readonly store: LeaseStore,
    /** As configured now; null where there is no such site. */
    private readonly policyOf: (site: string) => PoolPolicy | null,
    private readonly hooks: DeskHooks = {},
    private readonly promo: PromoDesk | null = null,
  ) {}

  /**
   * Idempotent by site and session: the same session gets its lease back, extended.
   * @throws GatewayError GW_ERR_BAD_REQUEST for a site that is none, or a lease longer than allowed
   */
  async allocate(request: AllocationRequest): Promise<Allocation> {
    const { site, session } = request;
    const policy = this.#policy(site);
    const lends = this.promo?.lends(site) ?? 'never';
    if (lends === 'never') return { ...(await this.#lend(request, policy)), promo: null };
    const promo = (await this.promo?.lend(site, session, request.asker)) ?? null;
    // A visitor who has a code needs no number of his own, and one for whom there is none gets one all the same.
    if (lends === 'beside' || !promo) return { ...(await this.#lend(request, policy)), promo };
    this.hooks.onOutcome?.(site, 'code');
    return { outcome: 'code', number: policy.fallback ?? null, lease: null, promo };
  }

  /** For who reads the page and calls nobody: what everybody may see, and nobody went without a number for it. */
  turnAway(site: string): string | null {
    const { fallback = null } = this.#policy(site);
    this.hooks.onOutcome?.(site, 'robot');
    return fallback;
  }

  async #lend({ site, session, lengthMs, asker = null }: AllocationRequest, policy: PoolPolicy): Promise<Lending> {
    const request = {
      site,
      sessionId: session.id,
      leaseIdStart: newLeaseIdStart(),
      lengthMs: lengthOf(lengthMs, policy),
      policy,
      asker,
    };
    let refused: Refusal | null = null;
    for (let tries = 1; ; tries += 1) {
      const taken = await this.store.take({ ...request, refused, giveUp: tries > MAX_TRIES });
      if (taken.outcome === 'held') return this.#notMore(site, policy);
      if (taken.outcome === 'dry') return this.#withoutNumber(site, policy, taken.again);
      const lent = await this.store.lend({ site, session, taken, policy });
      if ('leaseId' in lent) {
        const outcome = taken.outcome === 'kept' ? 'kept' : 'lent';
        this.hooks.onOutcome?.(site, outcome);
        return { outcome, number: lent.number, lease: lent };
      }
      refused = lent;
    }
  }

  /** @throws GatewayError GW_ERR_NOT_FOUND for a lease that does not stand, GW_ERR_BAD_REQUEST for too long a one */
  async extend(leaseId: string, lengthMs?: number): Promise<Lease> {
    const lease = await this.get(leaseId);
    const policy = this.#policy(lease.site);
    const extended = await this.store.extend(lease, lengthOf(lengthMs, policy), policy);
    if (!extended) throw ended();
    this.hooks.onOutcome?.(lease.site, 'extended');
    return extended;
  }

  /**
   * Idempotent: a lease that has ended is released. Its number rests before somebody else gets it.
   * @throws GatewayError GW_ERR_NOT_FOUND for an id that was never given out here: another service's lease goes on
   */
  async release(leaseId: string): Promise<void> {
    const lease = await this.#standing(leaseId);
    if (!lease || !(await this.store.release(lease, this.#policy(lease.site)))) return;
    this.hooks.onOutcome?.(lease.site, 'released');
  }

  /** @throws GatewayError GW_ERR_NOT_FOUND for a lease that does not stand */
  async get(leaseId: string): Promise<Lease> {
    const lease = await this.#standing(leaseId);
    if (!lease) throw ended();
    return lease;
  }

  /** Whoever wrote it; null where none stands. */
  findByNumber(number: string): Promise<Lease | null> {
    return this.store.find(number);
  }

  /**
   * Leases of this gateway's; another service's are found by their number only.
   * @throws GatewayError GW_ERR_BAD_REQUEST for a site that is none
   */
  async findBySession(site: string, sessionId: string): Promise<Lease | null> {
    this.#policy(site);
    return await this.store.findBySession(site, sessionId);
  }

  /**
   * Leases that stand on the site's numbers, whoever wrote them; one page may have none while more follow.
   * @throws GatewayError GW_ERR_BAD_REQUEST for a site that is none
   */
  async list(site: string, after: string | null, most: number): Promise<{ leases: Lease[]; next: string | null }> {
    this.#policy(site);
    return await this.store.list(site, after, most);
  }

  async #standing(leaseId: string): Promise<Lease | null> {
    const number = numberOfLease(leaseId);
    if (number === null) throw notOurs();
    const lease = await this.store.find(number);
    return lease?.leaseId === leaseId ? lease : null;
  }

  /** The pool is not dry: there are numbers, for others. */
  #notMore(site: string, policy: PoolPolicy): Lending {
    this.hooks.onOutcome?.(site, 'held');
    return { outcome: 'fallback', number: policy.fallback ?? null, lease: null };
  }

  #withoutNumber(site: string, policy: PoolPolicy, again: boolean): Lending {
    this.hooks.onOutcome?.(site, 'fallback');
    if (!again) this.hooks.onFallback?.(site);
    return { outcome: 'fallback', number: policy.fallback ?? null, lease: null };
  }

  #policy(site: string): PoolPolicy {
    const policy = this.policyOf(site);
    if (!policy) throw new GatewayError('GW_ERR_BAD_REQUEST', '"site" names no site of the configuration');
    return policy;
  }
}

function lengthOf(asked: number | undefined, policy: PoolPolicy): number {
  const lengthMs = asked ?? policy.lease;
  if (lengthMs <= policy.maxLease) return lengthMs;
  throw new GatewayError(
    'GW_ERR_BAD_REQUEST',
    `"leaseSeconds" must be at most ${policy.maxLease / 1000}: this site lends no longer at once`,
  );
}

const notOurs = (): GatewayError =>
  new GatewayError(
    'GW_ERR_NOT_FOUND',
    'no lease of this interface has this id: another service’s is found by its number, and taken back by that service',
  );
const ended = (): GatewayError =>
  new GatewayError('GW_ERR_NOT_FOUND', 'there is no such lease, or it has ended: ask for a new one');
