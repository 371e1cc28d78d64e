import type { Rotations } from '../call/ports.js';
import type { Rotation } from '../routing/strategy.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber } from './scripts.js';

/** A step that nobody walks for so long begins anew with its first target. */
const TURN_TTL_MS = 30 * 86_400_000;

/** Whose turn it is, over all gateways; while Redis is away, over this one. */
export class RedisRotations implements Rotations {
  readonly #turns = new Map<string, number>();
  readonly #lastUsed = new Map<string, number>();

  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async take(step: string, targets: readonly string[]): Promise<Rotation> {
    const key = this.keys.turn(step);
    try {
      const [turn, , ...times] = await this.link.pipeline((pipe) => {
        pipe.incr(key).pexpire(key, TURN_TTL_MS);
        for (const target of targets) pipe.get(this.keys.lastUsed(target));
      });
      const used = targets.map((target, i) => [target, Number(times[i] ?? 0)] as const);
      return { turn: asNumber(turn) - 1, lastUsed: new Map(used.filter(([, at]) => at > 0)) };
    } catch {
      const turn = this.#turns.get(step) ?? 0;
      this.#turns.set(step, turn + 1);
      return { turn, lastUsed: this.#lastUsed };
    }
  }

  async used(target: string): Promise<void> {
    const now = Date.now();
    this.#lastUsed.set(target, now);
    try {
      await this.link.send((client) => client.set(this.keys.lastUsed(target), now, 'PX', TURN_TTL_MS));
    } catch {
      // The order of the next calls is a little off; no call waits for it.
    }
  }
}
