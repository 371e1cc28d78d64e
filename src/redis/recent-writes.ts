import { inBackground } from '../lib/background.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisLink } from './connection.js';
import type { Script, ScriptCall } from './scripts.js';

/**
 * Redis acknowledges a write before it is on the disk or on a replica. With `appendfsync everysec` a server that dies may
 * come back without its last two seconds (a slow disk holds the file back that long). With `min-replicas-max-lag 1` one that
 * is cut off from its replicas takes writes for up to two seconds, and within another second we notice that it does so no more.
 */
const KEPT_MS = 5_000;
/**
 * Of more than this only the latest are kept: some 800 changes of calls. Bytes of our own, written over and over, since
 * strings that live for seconds are what the collector of garbage has the most work with.
 */
const BYTES = 8 * 1024 * 1024;
/** Each batch has the deadline of one command. */
const BATCH = 100;

/** A script call whose keys and arguments stand in the bytes, each behind its length. */
interface Written {
  script: Script;
  keys: number;
  args: number;
  from: number;
  to: number;
  /** When it was acknowledged, of the monotonic clock. */
  at: number;
}

const LENGTH_BYTES = 4;
const MOST_BYTES_A_CHARACTER = 3;

/**
 * What Redis has acknowledged in the last seconds, to be said again when it comes back from a crash: what it still has
 * it passes over, since every script given here changes nothing when it is repeated. So an event outlives the crash of
 * Redis as well as that of a gateway; only when both die within these seconds can it be lost (docs/redis-keys.md).
 */
export class RecentWrites {
  readonly #bytes = Buffer.allocUnsafeSlow(BYTES);
  #end = 0;
  #written: Written[] = [];
  /** Since when nothing is acknowledged any more: what was written just before may be lost. null: Redis takes writes. */
  #troubleAt: number | null = null;
  /** What is remembered has to be said again, and Redis has not taken it yet. */
  #owed = false;
  #saying: Promise<void> | null = null;
  readonly #now: () => number;

  /** @param keptMs for tests, as `now` (ms, of a clock that is never set); otherwise `KEPT_MS` */
  constructor(
    private readonly link: RedisLink,
    private readonly keptMs: number = KEPT_MS,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    // A master that is cut off refuses writes first, and is lost when another one has taken its place.
    for (const trouble of ['refused', 'down'] as const) link.on(trouble, () => this.#noteTrouble());
    // In the same turn, so before anything that waits for the link: a later change of a call must not overtake it.
    link.on('up', () => this.#repeat());
  }

  /** Runs it and, once it is acknowledged, remembers it for a while. Rejects as `RedisLink.run`. */
  async run(call: ScriptCall<string>): Promise<string> {
    if (this.#owed) await this.#sayAgain();
    try {
      const outcome = await this.link.run(call);
      this.#troubleAt = null;
      this.#remember(call);
      return outcome;
    } catch (error) {
      this.#noteTrouble();
      throw error;
    }
  }

  #noteTrouble(): void {
    this.#troubleAt ??= this.#now();
  }

  #remember({ script, keys, args }: ScriptCall<string>): void {
    const texts = [...keys, ...args].map(String);
    const most = texts.reduce((sum, text) => sum + LENGTH_BYTES + text.length * MOST_BYTES_A_CHARACTER, 0);
    if (most > BYTES) return;
    const at = this.#now();
    const from = this.#makeRoom(most, at - this.keptMs);
    let to = from;
    for (const text of texts) {
      const length = this.#bytes.write(text, to + LENGTH_BYTES);
      to = this.#bytes.writeUInt32LE(length, to) + length;
    }
    this.#end = to;
    this.#written.push({ script, keys: keys.length, args: args.length, from, to, at });
  }

  /**
   * Where `most` bytes can be written; the oldest give way, and those of before `since`. The oldest are what the lap
   * before left behind `#end`: when the next lap begins they all go, wherever they stand.
   */
  #makeRoom(most: number, since: number): number {
    const wraps = this.#end + most > BYTES;
    const from = wraps ? 0 : this.#end;
    const isFormerLap = (start: number): boolean => start >= this.#end;
    const stays = ({ from: start, to, at }: Written): boolean =>
      at >= since && !(wraps && isFormerLap(start)) && (to <= from || start >= from + most);
    const first = this.#written.findIndex(stays);
    if (first !== 0) this.#written.splice(0, first < 0 ? this.#written.length : first);
    return from;
  }

  #repeat(): void {
    const now = this.#now();
    const since = (this.#troubleAt ?? now) - this.keptMs;
    this.#troubleAt = null;
    if (!this.#owed) this.#written = this.#written.filter(({ at }) => at >= since);
    // What is said now is as recent as before: Redis may die again.
    for (const one of this.#written) one.at = now;
    this.#owed = this.#written.length > 0;
    if (this.#owed) inBackground(this.#sayAgain().catch(() => undefined)); // the next change tries it again
  }

  /** All in this turn. Rejects while Redis takes no writes: then nothing else may be written before it. */
  #sayAgain(): Promise<void> {
    this.#saying ??= this.#sayAll().finally(() => (this.#saying = null));
    return this.#saying;
  }

  async #sayAll(): Promise<void> {
    const batches = [];
    for (let from = 0; from < this.#written.length; from += BATCH) {
      const calls = this.#written.slice(from, from + BATCH).map((one) => this.#read(one));
      batches.push(this.link.runSettled(calls));
    }
    const failed = (await Promise.all(batches)).flat().find((outcome) => outcome instanceof GatewayError);
    if (failed && this.link.trouble !== null) throw failed;
    this.#owed = false;
  }

  #read({ script, keys, args, from }: Written): ScriptCall<string> {
    let at = from;
    const texts = Array.from({ length: keys + args }, () => {
      const start = at + LENGTH_BYTES;
      at = start + this.#bytes.readUInt32LE(at);
      return this.#bytes.toString('utf8', start, at);
    });
    return { script, keys: texts.slice(0, keys), args: texts.slice(keys), read: String };
  }
}
