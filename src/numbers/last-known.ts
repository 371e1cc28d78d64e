import type { LastKnownNumbers } from '../call/deps.js';
import type { TrackingNumber } from '../call/ports.js';
import type { GatewayConfig } from '../config/schema.js';

/** Some 10 MB; the pool of a large customer has thousands. */
const MAX_REMEMBERED = 50_000;

/**
 * Where calls went, for when Redis cannot be asked: the numbers this process has seen, those of the configuration,
 * and, where there is only one site, that site for any number of its trunks.
 */
export class RememberedNumbers implements LastKnownNumbers {
  readonly #seen = new Map<string, TrackingNumber>();

  constructor(private readonly config: () => Pick<GatewayConfig, 'numbers' | 'sites'>) {}

  remember(number: TrackingNumber): void {
    // Deleted and set again, the most recent stands last: the first is the one to forget.
    this.#seen.delete(number.number);
    this.#seen.set(number.number, number);
    if (this.#seen.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  find(number: string): TrackingNumber | null {
    // A number of the file may have been led elsewhere by a reload since it was last called.
    return this.#configured(number) ?? this.#seen.get(number) ?? this.#onlySite(number);
  }

  #configured(number: string): TrackingNumber | null {
    const found = this.config().numbers.find((candidate) => candidate.number === number);
    if (!found) return null;
    const { site, kind, route = null, source = null } = found;
    return { number, site, kind, route, source, enabled: true };
  }

  #onlySite(number: string): TrackingNumber | null {
    const [site, ...others] = this.config().sites;
    if (!site || others.length > 0) return null;
    return { number, site: site.id, kind: 'dynamic', route: null, source: null, enabled: true };
  }
}
