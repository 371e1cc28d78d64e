/** When calls to one carrier were, or will be, started; ms of a monotonic clock, oldest first. */
export type Turns = readonly number[];

/**
 * A carrier counts what reaches it, and one INVITE is longer on its way than the next: timers, our queue to drachtio, the
 * network. Without a margin half of the full seconds held one too many.
 */
const MARGIN_MS = 50;

/**
 * The next turn under a limit of calls per second, first come first served: never more starts than the limit in any
 * window of a second (of two seconds for half a call per second). `null` where it would come later than `queueMs` (and
 * the margin) from now; that is known at once, so nobody waits in vain.
 */
export function nextTurn(
  turns: Turns,
  callsPerSecond: number,
  queueMs: number,
  now: number,
): { at: number; turns: Turns } | null {
  const burst = Math.max(1, Math.floor(callsPerSecond));
  const windowMs = (burst / callsPerSecond) * 1000 + MARGIN_MS;
  const recent = turns.filter((at) => at > now - windowMs);
  const blocking = recent.at(-burst);
  const at = Math.max(now, recent.at(-1) ?? now, blocking === undefined ? now : blocking + windowMs);
  return at - now > queueMs + MARGIN_MS ? null : { at, turns: [...recent, at] };
}
