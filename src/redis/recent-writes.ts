import { inBackground } from '../lib/background.js';
import type { RedisLink } from './connection.js';
import type { ScriptCall } from './scripts.js';

/**
 * Redis acknowledges a write before it is on the disk: with `appendfsync everysec` a server that dies may come back
 * without its last two seconds (a slow disk holds the file back that long).
 */
const KEPT_MS = 3_000;
/** Some 6 kB each. Of more than that only the latest are kept. */
const MOST = 2_000;
/** Each batch has the deadline of one command. */
const BATCH = 100;

/** Texts longer than this are kept as bytes: strings that live for seconds would be copied by each collection of garbage. */
const LONG_TEXT = 256;

interface Written {
  call: Omit<ScriptCall<string>, 'args'>;
  args: (string | number | Buffer)[];
  /** When it was acknowledged, of the monotonic clock. */
  at: number;
}

/**
 * What Redis has acknowledged in the last seconds, to be said again when it comes back from a crash: what it still has
 * it passes over, since every script given here changes nothing when it is repeated. So an event outlives the crash of
 * Redis as well as that of a gateway; only when both die within these seconds can it be lost (docs/redis-keys.md).
 */
export class RecentWrites {
  #written: Written[] = [];
  #downAt = 0;

  /** @param keptMs for tests; otherwise `KEPT_MS` */
  constructor(
    private readonly link: RedisLink,
    private readonly keptMs: number = KEPT_MS,
  ) {
    link.on('down', () => (this.#downAt = performance.now()));
    // In the same turn, so before anything that waits for the link: a later change of a call must not overtake it.
    link.on('up', () => this.#repeat());
  }

  /** Runs it and, once it is acknowledged, remembers it for a while. Rejects as `RedisLink.run`. */
  async run(call: ScriptCall<string>): Promise<string> {
    const outcome = await this.link.run(call);
    this.#remember(call);
    return outcome;
  }

  #remember({ args, ...call }: ScriptCall<string>): void {
    const now = performance.now();
    const kept = args.map((arg) => (typeof arg === 'string' && arg.length > LONG_TEXT ? Buffer.from(arg) : arg));
    this.#written.push({ call, args: kept, at: now });
    // Seldom, since it copies: the list may grow by half beyond what is kept.
    const oldest = this.#written[0]?.at ?? now;
    if (oldest < now - 1.5 * this.keptMs) this.#written = this.#written.filter(({ at }) => at >= now - this.keptMs);
    if (this.#written.length > 1.5 * MOST) this.#written = this.#written.slice(-MOST);
  }

  #repeat(): void {
    const now = performance.now();
    this.#written = this.#written.filter(({ at }) => at >= this.#downAt - this.keptMs).slice(-MOST);
    // What is said now is as recent as before: Redis may die again.
    for (const one of this.#written) one.at = now;
    for (let from = 0; from < this.#written.length; from += BATCH) {
      const batch = this.#written.slice(from, from + BATCH);
      inBackground(this.link.runSettled(batch.map(asCalled)));
    }
  }
}

function asCalled({ call, args }: Written): ScriptCall<string> {
  return { ...call, args: args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString() : arg)) };
}
