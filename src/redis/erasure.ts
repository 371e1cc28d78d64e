import type { Call } from '../call/call.js';
import type { StoredCall } from '../call/amender.js';
import { noResources } from '../call/document.js';
import { indexEntry } from '../history/slots.js';
import type { RedisLink } from './connection.js';
import { callIn } from './history-index.js';
import type { Keys } from './keys.js';
import { namesFrom } from './scan.js';
import { asNumber, asStrings, fieldsOf, loadScript } from './scripts.js';

const lookScript = loadScript('calls-of-caller');
const eraseScript = loadScript('erase-call');
const deliveriesScript = loadScript('erase-deliveries');
const PAGE = 500;
/** Calls looked at together: some 1 ms of Redis, which serves nobody else meanwhile. */
const LOOK_CALLS = 200;
/** Lines of the audit log: what was erased, by whom, without the number. */
const AUDIT_LINES = 10_000;

export interface ErasedDeliveries {
  queued: number;
  deadLetters: number;
  /** Lines of the delivery log. */
  attempts: number;
}

/** What is to be forgotten of one caller, in Redis. All reject with GW_ERR_REDIS_AWAY. */
export class RedisErasure {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  /** Every call of his that is kept. */
  async callsOf(caller: string): Promise<string[]> {
    return this.link.send((client) => client.zrange(this.keys.callsOf(caller), 0, -1));
  }

  /**
   * The same by looking at every call there is, whatever has become of lists and index: 2 s for 100,000 calls on a crowded
   * machine.
   */
  async lookThroughCalls(caller: string): Promise<string[]> {
    const prefix = this.keys.callPrefix();
    const found = new Set<string>();
    for await (const names of namesFrom(this.link, prefix, LOOK_CALLS)) {
      if (names.length === 0) continue;
      const docs = await this.link.run({ script: lookScript, keys: names, args: [caller], read: asStrings });
      for (const doc of docs) {
        const call = callIn(doc ?? '');
        if (call?.caller.number === caller) found.add(call.id);
      }
    }
    return [...found];
  }

  /** Events removed from the feed; null where the call has changed since it was read. */
  async eraseCall({ call, sequence }: StoredCall, erased: Call): Promise<number | null> {
    const removed = await this.link.run({
      script: eraseScript,
      keys: [
        this.keys.call(call.id),
        this.keys.events(),
        this.keys.erasedEvents(),
        this.keys.amendedCalls(),
        this.keys.amendments(call.id),
      ],
      args: [
        sequence,
        JSON.stringify(erased),
        JSON.stringify(noResources('')),
        this.keys.history(),
        indexEntry(erased),
        call.id,
        Date.parse(call.startedAt),
      ],
      read: asNumber,
    });
    return removed < 0 ? null : removed;
  }

  /**
   * What is queued, dead and logged of these calls, at every endpoint that has any. The log holds no events, but the
   * beginnings of what receivers answered, and those like to repeat what they were sent.
   */
  async eraseDeliveries(callIds: readonly string[]): Promise<ErasedDeliveries> {
    const erased = { queued: 0, deadLetters: 0, attempts: 0 };
    if (callIds.length === 0) return erased;
    const his = new Set(callIds);
    erased.queued = await this.unqueue(callIds);
    for (const endpoint of await this.#endpoints()) {
      erased.deadLetters += await this.#eraseOf(this.keys.dead(endpoint), his);
      erased.attempts += await this.#eraseOf(this.keys.deliveryLog(endpoint), his);
    }
    return erased;
  }

  /** What is queued of these calls; how many deliveries that were. */
  async unqueue(callIds: readonly string[]): Promise<number> {
    let queued = 0;
    for (const endpoint of await this.#endpoints()) {
      for (let at = 0; at < callIds.length; at += LOOK_CALLS)
        queued += await this.#unqueue(endpoint, callIds.slice(at, at + LOOK_CALLS));
    }
    return queued;
  }

  #endpoints(): Promise<string[]> {
    return this.link.send((client) => client.zrange(this.keys.endpoints(), 0, -1));
  }

  #unqueue(endpoint: string, callIds: readonly string[]): Promise<number> {
    const { due, flight, tries, backlog, replays } = this.keys;
    return this.link.run({
      script: deliveriesScript,
      keys: [due, flight, tries, backlog, replays].map((name) => name(endpoint)),
      args: [this.keys.todoPrefix(endpoint), ...callIds],
      read: asNumber,
    });
  }

  async #eraseOf(stream: string, callIds: ReadonlySet<string>): Promise<number> {
    let removed = 0;
    for (let from = '-'; ;) {
      const page = await this.link.send((client) => client.xrange(stream, from, '+', 'COUNT', PAGE));
      const his = page.filter(([, fields]) => callIds.has(fieldsOf(fields).get('key') ?? '')).map(([id]) => id);
      if (his.length > 0) removed += await this.link.send((client) => client.xdel(stream, ...his));
      const last = page.at(-1)?.[0];
      if (page.length < PAGE || last === undefined) return removed;
      from = `(${last}`;
    }
  }

  /** The index goes last: what fails half-way is found again by the next request. */
  async forgetIndex(caller: string): Promise<void> {
    await this.link.send((client) => client.del(this.keys.callsOf(caller)));
  }

  async audit(line: Record<string, unknown>): Promise<void> {
    await this.link.send((client) =>
      client.xadd(this.keys.erasures(), 'MAXLEN', '~', AUDIT_LINES, '*', 'line', JSON.stringify(line)),
    );
  }
}
