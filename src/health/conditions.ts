/** One gateway's word on whether a trunk or line is down for one reason. */
export interface Word<R extends string> {
  /** Of the trunk or line. */
  id: string;
  reason: R;
  down: boolean;
}

interface Condition<R extends string> extends Word<R> {
  /** ms since the epoch. */
  since: number;
  /** Whether the others have been told of it as it is now. */
  told: boolean;
}

/** How often `round` is to be called. */
export const ROUND_MS = 1000;
/** A word that nobody repeats for a minute is dropped (redis/conditions.ts). */
const REPEAT_EVERY = 15;

/** What this process finds of its trunks, or of its lines, reason by reason, and whether it has been told. */
export class Conditions<R extends string> {
  readonly #conditions = new Map<string, Condition<R>>();
  #rounds = 0;
  #telling = false;

  /**
   * @param tell the first gateway that finds it down tells the event, the last one that found it so the other; who says
   *   the same again only keeps his word fresh. Rejects with GW_ERR_REDIS_AWAY; then it is to be said again
   */
  constructor(
    private readonly reasons: readonly R[],
    private readonly tell: (word: Word<R>) => Promise<unknown>,
  ) {}

  /** Nothing is told before something is known: `down` null leaves things as they are. True where it has changed. */
  set(id: string, reason: R, down: boolean | null, now: number): boolean {
    const key = `${id}/${reason}`;
    const known = this.#conditions.get(key);
    if (down === null || known?.down === down) return false;
    this.#conditions.set(key, { id, reason, down, since: now, told: false });
    return true;
  }

  downOf(id: string): { reason: R; since: number }[] {
    return this.reasons.flatMap((reason) => {
      const condition = this.#conditions.get(`${id}/${reason}`);
      return condition?.down ? [{ reason, since: condition.since }] : [];
    });
  }

  /** What is no longer configured is not down either. */
  forget(id: string, now: number): void {
    for (const reason of this.reasons) if (this.#conditions.has(`${id}/${reason}`)) this.set(id, reason, false, now);
  }

  /** Tells what is still untold; from time to time everything, since a dead gateway's word is dropped. Never rejects. */
  round(): Promise<void> {
    this.#rounds += 1;
    return this.#rounds % REPEAT_EVERY === 0 ? this.repeat() : this.flush();
  }

  /** Says everything again, told or not. */
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
        const { id, reason, down } = condition;
        await this.tell({ id, reason, down });
        condition.told = true;
      }
    } catch {
      // Redis is away; the next flush says it.
    } finally {
      this.#telling = false;
    }
  }
}
