import { inBackground } from '../../lib/background.js';
import { type Health, type HealthPolicy, isAlive, nextHealth, shareOf, UNKNOWN_HEALTH } from './health.js';

export interface MonitorPolicy extends HealthPolicy {
  /** ms between two OPTIONS. */
  options: number;
}

export interface MonitorOutside {
  options(uri: string, timeoutMs: number): Promise<number | null>;
  /** ms of a monotonic clock. */
  now(): number;
  /** 0 to 1. */
  random(): number;
  /** `state` has changed. */
  onChange(monitor: GatewayMonitor): void;
}

/** Long enough for three repeats over UDP (RFC 3261 17.1.2.2), short enough to be asked every few seconds. */
const ANSWER_TIMEOUT_MS = 4000;
const SHORTEST_TIMEOUT_MS = 500;
/** All gateways of all trunks shall not ask in the same instant. */
const JITTER = 0.1;
const FIRST_WITHIN_MS = 500;

/** One of a carrier's gateways: asks it by OPTIONS, never twice at once, and knows whether it is to be dialled. */
export class GatewayMonitor {
  #health: Health = UNKNOWN_HEALTH;
  #lastStatus: number | null = null;
  #heldUntil = -Infinity;
  #fullUntil = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param policy null: never asked, always dialled */
  constructor(
    readonly uri: string,
    readonly policy: MonitorPolicy | null,
    private readonly outside: MonitorOutside,
  ) {}

  get health(): Health {
    return this.#health;
  }

  get lastStatus(): number | null {
    return this.#lastStatus;
  }

  /** By the monotonic clock; in the past where it is not held. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  get usable(): boolean {
    return this.#health.state !== 'down' && this.#heldUntil <= this.outside.now();
  }

  /** It asked not to be dialled because it was full. */
  get full(): boolean {
    return this.#fullUntil > this.outside.now();
  }

  get share(): number {
    return this.policy ? shareOf(this.#health, this.policy.ramp, this.outside.now()) : 1;
  }

  start(): void {
    if (this.policy) this.#askIn(this.outside.random() * Math.min(this.policy.options, FIRST_WITHIN_MS), this.policy);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  hold(ms: number, full: boolean): void {
    const until = this.outside.now() + ms;
    this.#heldUntil = Math.max(this.#heldUntil, until);
    if (full) this.#fullUntil = Math.max(this.#fullUntil, until);
  }

  #askIn(delayMs: number, policy: MonitorPolicy): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => inBackground(this.#ask(policy)), delayMs);
    this.#timer.unref();
  }

  async #ask(policy: MonitorPolicy): Promise<void> {
    const timeoutMs = Math.min(ANSWER_TIMEOUT_MS, Math.max(SHORTEST_TIMEOUT_MS, policy.options));
    try {
      this.#heard(await this.outside.options(this.uri, timeoutMs), policy);
    } catch {
      // Our own link is down: this says nothing about the carrier.
    }
    this.#askIn(policy.options * (1 - JITTER + 2 * JITTER * this.outside.random()), policy);
  }

  #heard(status: number | null, policy: MonitorPolicy): void {
    if (this.#stopped) return;
    const before = this.#health.state;
    this.#lastStatus = status;
    this.#health = nextHealth(this.#health, isAlive(status), policy, this.outside.now());
    if (this.#health.state !== before) this.outside.onChange(this);
  }
}
