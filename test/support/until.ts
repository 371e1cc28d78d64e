/**
 * How long a test waits for what must come, where it says nothing else: a test that fails costs so much, one that passes
 * nothing. Longer than the half minute after which another gateway delivers what a dead one left.
 */
export const PATIENCE_MS = 120_000;

/**
 * Tries `probe` until it gives something other than `undefined` or `false`, or rejects with `what` after `timeoutMs`.
 * For what cannot be waited for as an event: another process's socket, a list in another server.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = PATIENCE_MS,
): Promise<Exclude<T, undefined | false>> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: last });
    await moment();
  }
}

/** As `until`, for a check that throws as long as not all is as it should be. */
export async function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await moment();
  }
}

const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
