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
  #total = 0;

  constructor(private readonly limits: ListenerLimits) {}

  /** Returns how to give the place back. Throws GW_ERR_TOO_MANY_LISTENERS. */
  enter(res: Response): () => void {
    const key = keyName(res);
    const own = this.#open.get(key) ?? 0;
    const { perKey, total } = this.limits;
    if (own >= perKey || this.#total >= total) {
      const whose = own >= perKey ? `this key has ${own} of ${perKey}` : `there are ${this.#total} of ${total}`;
      throw new GatewayError('GW_ERR_TOO_MANY_LISTENERS', `${whose} open connections that wait for events`);
    }
    this.#open.set(key, own + 1);
    this.#total += 1;
    return () => {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
      this.#total -= 1;
    };
  }
}
