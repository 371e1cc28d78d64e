import type { Drainable, Drains } from '../call/ports.js';

/** What was taken out of service by request, as all gateways know it together. */
export class SharedDrains implements Drains {
  #drained: ReadonlySet<string> = new Set();
  #changes = 0;

  /**
   * @param write keeps one name for all gateways. Rejects with GW_ERR_REDIS_AWAY
   * @param onChange something was drained, or put back, by this process
   */
  constructor(
    private readonly write: (name: string, on: boolean) => Promise<void>,
    private readonly onChange: () => void,
  ) {}

  has(kind: Drainable, id: string): boolean {
    return this.#drained.has(nameOf(kind, id));
  }

  /** Idempotent. Holds here at once, at the other gateways within a second. Rejects with GW_ERR_REDIS_AWAY. */
  async set(kind: Drainable, id: string, on: boolean): Promise<void> {
    const name = nameOf(kind, id);
    await this.write(name, on);
    this.#changes += 1;
    const drained = new Set(this.#drained);
    if (on) drained.add(name);
    else drained.delete(name);
    this.#drained = drained;
    this.onChange();
  }

  /** To be called before reading; takes what was read, unless it may be older than what was set meanwhile. */
  reading(): (drained: ReadonlySet<string>) => void {
    const changes = this.#changes;
    return (drained) => {
      if (changes === this.#changes) this.#drained = drained;
    };
  }
}

const nameOf = (kind: Drainable, id: string): string => `${kind}:${id}`;
