/** The load this gateway has been measured to carry; above it new calls are refused and the others keep their pace. */
export interface LoadLimits {
  maxCalls: number;
  maxCallsPerSecond: number;
}

/** A token bucket of one second's calls: a burst of that many passes at once, then the rate holds. */
export class LoadGate {
  #tokens: number | null = null;
  #at = 0;

  /** Whether a call may begin now (`nowMs` from a steady clock). Takes its token if so. */
  admit(callsInProgress: number, limits: LoadLimits, nowMs: number): boolean {
    if (callsInProgress >= limits.maxCalls) return false;
    const refill = ((nowMs - this.#at) / 1000) * limits.maxCallsPerSecond;
    const tokens = Math.min(limits.maxCallsPerSecond, (this.#tokens ?? limits.maxCallsPerSecond) + refill);
    this.#at = nowMs;
    if (tokens < 1) {
      this.#tokens = tokens;
      return false;
    }
    this.#tokens = tokens - 1;
    return true;
  }
}
