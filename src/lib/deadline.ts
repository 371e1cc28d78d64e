import { GatewayError } from './errors.js';

/**
 * Settles like `work`, or rejects with `GW_ERR_DEADLINE` after `timeoutMs`.
 *
 * The SIP and media libraries leave promises pending for ever when a link drops, so every promise of theirs goes
 * through here. `late` is called with a value that arrives after the deadline, so that what it stands for (a dialog,
 * an endpoint) can still be released.
 */
export function withDeadline<T>(
  work: Promise<T>,
  timeoutMs: number,
  what: string,
  late?: (value: T) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let expired = false;
    let settled = false;
    const expire = (): void => {
      if (settled) return;
      expired = true;
      reject(new GatewayError('GW_ERR_DEADLINE', `${what} took longer than ${timeoutMs} ms`));
    };
    let timer: NodeJS.Timeout | undefined;
    // It may be our own event loop that stands still. So time counts from the end of this turn, when what was written in it
    // has left (gather-writes.ts), and what has arrived by then is read before we judge.
    const turn = setImmediate(() => {
      timer = setTimeout(() => setImmediate(expire), timeoutMs);
    });
    const settle = (): void => {
      settled = true;
      clearImmediate(turn);
      clearTimeout(timer);
    };
    work.then(
      (value) => {
        settle();
        if (expired) late?.(value);
        else resolve(value);
      },
      (error: unknown) => {
        settle();
        if (!expired) reject(toError(error));
      },
    );
  });
}

/** What was thrown as an Error, whatever it was: libraries here throw strings and plain objects too. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : JSON.stringify(thrown));
}
