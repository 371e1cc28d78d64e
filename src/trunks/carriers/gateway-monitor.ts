import { shareOf } from '../../health/health.js';
import { OptionsMonitor } from '../../health/options-monitor.js';
import type { TrunkConfig } from '../../config/schema.js';

/** One of a carrier's gateways: whether it is to be dialled, and with which share of its calls. */
export class GatewayMonitor extends OptionsMonitor<NonNullable<TrunkConfig['health']>> {
  #heldUntil = -Infinity;
  #fullUntil = -Infinity;

  /** By the monotonic clock; in the past where it is not held. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  /** It asked not to be dialled. */
  get held(): boolean {
    return this.#heldUntil > this.outside.now();
  }

  /** It asked not to be dialled because it was full. */
  get full(): boolean {
    return this.#fullUntil > this.outside.now();
  }

  get share(): number {
    return this.policy ? shareOf(this.health, this.policy.ramp, this.outside.now()) : 1;
  }

  hold(ms: number, full: boolean): void {
    const until = this.outside.now() + ms;
    this.#heldUntil = Math.max(this.#heldUntil, until);
    if (full) this.#fullUntil = Math.max(this.#fullUntil, until);
  }
}
