import type { Response } from 'express';
import { GatewayError } from '../lib/errors.js';
import { keyName } from './auth.js';

export interface ListenerLimits {
  perKey: number;
  total: number;
}

/** Connections that are held open for what may come: bounded for each key, and over all. */
export class Listeners {
  readonly #open = new Map<string, number>();
  readonly #ends = new Set<() => void>();
  #total = 0;

  constructor(private readonly limits: ListenerLimits) {}

  /**
   * Returns how to give the place back. Throws GW_ERR_TOO_MANY_LISTENERS.
   * @param end ends the wait
   */
  enter(res: Response, end: () => void): () => void {
    const key = keyName(res);
    const own = this.#open.get(key) ?? 0;
    const { perKey, total } = this.limits;
    if (own >= perKey || this.#total >= total) {
      const whose = own >= perKey ? `this key has ${own} of ${perKey}` : `there are ${this.#total} of ${total}`;
      throw new GatewayError('GW_ERR_TOO_MANY_LISTENERS', `${whose} open connections that wait for events`);
    }
    this.#open.set(key, own + 1);
    this.#total += 1;
    this.#ends.add(end);
    return () => {
      this.#ends.delete(end);
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
      this.#total -= 1;
    };
  }

  /** Lets everybody go: they come back by themselves, to whoever answers then. */
  stop(): void {
    for (const end of [...this.#ends]) end();
  }
}
