import { inBackground } from '../lib/background.js';
import type { Limit } from '../routing/limits.js';

/** What nobody reserves or releases any more changes only by time: channels of a dead gateway, changes not told. */
const LOOK_MS = 10_000;

/** Looks at every limit from time to time, so that scarcity ends, and is told, where no call comes by. */
export class LimitWatch {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;

  constructor(
    private readonly limits: () => Limit[],
    private readonly watch: (limits: Limit[]) => Promise<void>,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    this.#looking ??= this.watch(this.limits()).finally(() => (this.#looking = null));
    inBackground(this.#looking);
  }
}
