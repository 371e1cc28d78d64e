/** Wall-clock time in milliseconds since the epoch; injected where a test must choose the moment. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
