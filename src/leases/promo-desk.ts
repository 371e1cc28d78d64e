import type { VisitorSession } from '../call/call.js';
import type { Holder } from '../call/ports.js';
import { newCodeLeaseIdStart } from './lease-id.js';
import type { Asker, PromoCode, PromoPolicy, PromoStore } from './ports.js';
import { isPromoCode, newPromoCode, promoCodes } from './promo-code.js';

/** New codes offered at once, and how often: with nine of ten codes lent, one visitor in 10,000,000,000 gets none. */
const CODES_AT_ONCE = 24;
const TRIES = 9;

/** Lends a site's promo codes to its visitors, and tells whose a code is. */
export class PromoDesk {
  constructor(
    private readonly store: PromoStore,
    /** As configured now; null where there is no such site. */
    private readonly policyOf: (site: string) => PromoPolicy | null,
    /** An asker has his share of the site's codes. */
    private readonly onHeld: (site: string) => void = () => undefined,
  ) {}

  /** `never` too where there is no such site. */
  lends(site: string): PromoPolicy['lend'] {
    return this.policyOf(site)?.lend ?? 'never';
  }

  /**
   * Idempotent by site and session: the same session gets its code back, for longer. Null: nearly all are lent, or the asker
   * has his share.
   */
  async lend(site: string, session: VisitorSession, asker: Asker | null = null): Promise<PromoCode | null> {
    const policy = this.policyOf(site);
    if (!policy) return null;
    const { digits, lease: lengthMs, rest: restMs } = policy;
    const bounded = asker && { id: asker.id, most: Math.ceil(asker.share * promoCodes(digits)) };
    for (let tries = 0; tries < TRIES; tries += 1) {
      const codes = Array.from({ length: CODES_AT_ONCE }, () => newPromoCode(digits));
      const lent = await this.store.lendCode({
        site,
        session,
        leaseIdStart: newCodeLeaseIdStart(),
        codes,
        lengthMs,
        restMs,
        asker: bounded,
      });
      if (lent === 'held') this.onHeld(site);
      if (lent) return lent === 'held' ? null : lent;
    }
    return null;
  }

  /** Whose code it is now; null where it is none, or its time is over. One exchange, none for what cannot be a code. */
  async find(site: string, code: string): Promise<Holder | null> {
    const policy = this.policyOf(site);
    return policy && isPromoCode(code, policy.digits) ? await this.store.findCode(site, code) : null;
  }
}
