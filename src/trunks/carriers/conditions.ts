import type { CarrierOutside } from './ports.js';
import { TRUNK_DOWN_REASONS, type TrunkDownReason } from './state.js';

interface Condition {
  trunk: string;
  reason: TrunkDownReason;
  down: boolean;
  /** ms since the epoch. */
  since: number;
  /** Whether the others have been told of it as it is now. */
  told: boolean;
}

/** What this process finds of its trunks, reason by reason, and whether it has been told. */
export class TrunkConditions {
  readonly #conditions = new Map<string, Condition>();
  #telling = false;

  constructor(private readonly tell: CarrierOutside['tell']) {}

  /** Nothing is told before something is known: `down` null leaves things as they are. True where it has changed. */
  set(trunk: string, reason: TrunkDownReason, down: boolean | null, now: number): boolean {
    const key = `${trunk}/${reason}`;
    const known = this.#conditions.get(key);
    if (down === null || known?.down === down) return false;
    this.#conditions.set(key, { trunk, reason, down, since: now, told: false });
    return true;
  }

  downOf(trunk: string): { reason: TrunkDownReason; since: number }[] {
    return TRUNK_DOWN_REASONS.flatMap((reason) => {
      const condition = this.#conditions.get(`${trunk}/${reason}`);
      return condition?.down ? [{ reason, since: condition.since }] : [];
    });
  }

  /** A trunk that is no longer configured is not down either. */
  forget(trunk: string, now: number): void {
    for (const reason of TRUNK_DOWN_REASONS)
      if (this.#conditions.has(`${trunk}/${reason}`)) this.set(trunk, reason, false, now);
  }

  /** Says everything again, told or not: a word that is not kept fresh is dropped, as a dead gateway's must be. */
  repeat(): Promise<void> {
    for (const condition of this.#conditions.values()) condition.told = false;
    return this.flush();
  }

  /** Tells what is still untold. Never rejects: what cannot be told now is told the next time. */
  async flush(): Promise<void> {
    if (this.#telling) return;
    this.#telling = true;
    try {
      // A change during the telling makes a new object, which is told in the next turn.
      for (const condition of [...this.#conditions.values()].filter(({ told }) => !told)) {
        const { trunk, reason, down } = condition;
        await this.tell({ trunk, reason, down });
        condition.told = true;
      }
    } catch {
      // Redis is away; the next flush says it.
    } finally {
      this.#telling = false;
    }
  }
}
