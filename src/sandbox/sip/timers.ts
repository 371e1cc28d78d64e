/** RFC 3261 17.1.1.1 base values in milliseconds; every other SIP timer is derived from these three. */
export interface SipTimers {
  readonly t1Ms: number;
  readonly t2Ms: number;
  readonly t4Ms: number;
}

export const RFC_TIMERS: SipTimers = { t1Ms: 500, t2Ms: 4000, t4Ms: 5000 };

/** The RFC's timers, all `factor` times as long: 0.01 makes the 32 s timeouts of a test last 320 ms. */
export function scaledTimers(factor: number): SipTimers {
  const { t1Ms, t2Ms, t4Ms } = RFC_TIMERS;
  return { t1Ms: t1Ms * factor, t2Ms: t2Ms * factor, t4Ms: t4Ms * factor };
}

/** 64*T1: how long a transaction waits (timers B, D, F, H, J, L, M). */
export const transactionTimeoutMs = (timers: SipTimers): number => 64 * timers.t1Ms;
