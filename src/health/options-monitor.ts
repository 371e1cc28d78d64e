import { inBackground } from '../lib/background.js';
import { type Health, type HealthPolicy, isAlive, nextHealth, type SeenHealth, UNKNOWN_HEALTH } from './health.js';

export interface MonitorPolicy extends HealthPolicy {
  /** ms between two OPTIONS. */
  options: number;
}

export interface MonitorOutside {
  /** Final status of OPTIONS, null for silence. Rejects while our own link is down: then nothing is known of the far end. */
  options(uri: string, timeoutMs: number): Promise<number | null>;
  /** ms of a monotonic clock. */
  now(): number;
  /** 0 to 1. */
  random(): number;
  /** `state` has changed. */
  onChange(monitor: OptionsMonitor): void;
}

/** Long enough for three repeats over UDP (RFC 3261 17.1.2.2), short enough to be asked every few seconds. */
const ANSWER_TIMEOUT_MS = 4000;
const SHORTEST_TIMEOUT_MS = 500;
/** Not all who are watched shall be asked in the same instant. */
const JITTER = 0.1;
const FIRST_WITHIN_MS = 500;

/** Asks one address by OPTIONS, never twice at once, and knows whether anybody is there. */
export class OptionsMonitor<P extends MonitorPolicy = MonitorPolicy> {
  #health: Health = UNKNOWN_HEALTH;
  #lastStatus: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param policy null: never asked, never down */
  constructor(
    readonly uri: string,
    readonly policy: P | null,
    protected readonly outside: MonitorOutside,
  ) {}

  get health(): Health {
    return this.#health;
  }

  get seen(): SeenHealth {
    const { state, since } = this.#health;
    return { state, since: since === null ? null : isoOf(since, this.outside.now()), lastStatus: this.#lastStatus };
  }

  start(): void {
    if (this.policy) this.#askIn(this.outside.random() * Math.min(this.policy.options, FIRST_WITHIN_MS), this.policy);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
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
      // Our own link is down: this says nothing about the far end.
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

/** @param at by the monotonic clock, which says `now` at present */
export const isoOf = (at: number, now: number): string => new Date(Date.now() + at - now).toISOString();
