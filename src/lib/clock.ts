/** Wall-clock time in milliseconds since the epoch; injected where a test must choose the moment. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** The wall's time from `ms` since the epoch on, which it is now: whoever sets the wall's clock changes nothing of it. */
export function steadyClock(ms: number): Clock {
  const startedAt = performance.now();
  return () => ms + Math.round(performance.now() - startedAt);
}
