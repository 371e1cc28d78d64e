import { performance } from 'node:perf_hooks';
import { hostTime } from '../lib/usage.js';

const LOOK_MS = 500;
/** Share of its time that the machine needs to have left for sound to keep its pace. */
const LEFT = 0.1;
const KEPT_MS = 120_000;
/** A look that comes so late was not held up by us. */
const STANDSTILL_MS = 2_000;

/** When this machine had no time left, which is nobody's fault that a soak is about. */
export class Crowds {
  readonly #timer: NodeJS.Timeout;
  #last: Awaited<ReturnType<typeof hostTime>> | null = null;
  #lookedAt = performance.now();
  #moments: number[] = [];

  /** @param log told of standstills: they excuse nothing, and may be why a call was lost */
  constructor(private readonly log: (line: string) => void) {
    this.#timer = setInterval(() => {
      this.#look().catch(() => undefined); // /proc/stat is always there
    }, LOOK_MS);
  }

  between(fromMs: number, toMs: number): boolean {
    return this.#moments.some((at) => at >= fromMs && at - LOOK_MS <= toMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const [before, now] = [this.#last, await hostTime()];
    this.#last = now;
    const gapMs = performance.now() - this.#lookedAt;
    this.#lookedAt += gapMs;
    if (before !== null && gapMs >= STANDSTILL_MS) {
      const [total, busy, steal] = (['totalMs', 'busyMs', 'stealMs'] as const).map((name) => now[name] - before[name]);
      this.log(
        `nothing ran for ${(gapMs / 1000).toFixed(1)} s: of ${total} ms of the cores ${busy} busy, ${steal} stolen`,
      );
    }
    if (before === null || now.busyMs - before.busyMs < (now.totalMs - before.totalMs) * (1 - LEFT)) return;
    this.#moments = [...this.#moments.filter((at) => at > Date.now() - KEPT_MS), Date.now()];
  }
}
