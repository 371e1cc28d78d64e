import type { Call } from '../call/call.js';
import type { HistoryIndex, IndexCheck, IndexState } from '../history/rebuilder.js';
import { indexEntry } from '../history/slots.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { namesFrom } from './scan.js';
import { asArray, asNumber, asTexts, inRows, loadScript } from './scripts.js';

const beginScript = loadScript('begin-rebuild');
const listScript = loadScript('list-call');
const readScript = loadScript('unindexed-calls');
const indexScript = loadScript('index-calls');

/** Calls of one step: some 5 ms of Redis, which serves nobody else meanwhile. */
const STEP_CALLS = 25;
const SCAN_COUNT = 1_000;

/** The index of the history as a whole (`HistoryIndex` of history/rebuilder.ts). */
export class RedisHistoryIndex implements HistoryIndex {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async state(): Promise<IndexState> {
    const [asked, rebuild, below, total] = await this.link.send((client) =>
      client.hmget(this.keys.historyState(), 'asked', 'rebuild', 'below', 'total'),
    );
    if (typeof rebuild !== 'string')
      return { state: typeof asked === 'string' ? 'rebuilding' : 'ready', calls: null, left: 0, since: null };
    const since = new Date(Number(rebuild)).toISOString();
    return { state: 'rebuilding', calls: Number(total), left: Number(below), since };
  }

  async isDue(): Promise<boolean> {
    const fields = await this.link.send((client) =>
      client.hmget(this.keys.historyState(), 'asked', 'rebuild', 'former'),
    );
    return fields.some((field) => field !== null);
  }

  check(): Promise<IndexCheck> {
    return this.#begin('looks');
  }

  async ask(): Promise<void> {
    await this.#begin('asks');
  }

  async isAsked(): Promise<boolean> {
    const fields = await this.link.send((client) => client.hmget(this.keys.historyState(), 'asked', 'rebuild'));
    return fields[0] !== null && fields[1] === null;
  }

  async begin(): Promise<void> {
    await this.#begin('begins');
  }

  #begin(what: 'looks' | 'asks' | 'begins'): Promise<IndexCheck> {
    return this.link.run({
      script: beginScript,
      keys: [this.keys.recentCalls(), this.keys.historyState()],
      args: [this.keys.history(), what],
      read: (reply) => {
        const [whole, found, calls] = asArray(reply).map(asNumber);
        return { whole: whole === 1, found: found ?? 0, calls: calls ?? 0 };
      },
    });
  }

  /** The list is lost with its key, and that need not be lost with the calls. */
  async listCalls(goOn: () => Promise<boolean>): Promise<boolean> {
    const prefix = this.keys.callPrefix();
    const recent = this.keys.recentCalls();
    return this.#scan(prefix, goOn, async (names) => {
      const ids = names.map((name) => name.slice(prefix.length));
      const scores = await this.link.send((client) => client.zmscore(recent, ...ids));
      for (const id of ids.filter((_id, i) => scores[i] === null)) {
        const doc = await this.link.send((client) => client.hget(this.keys.call(id), 'doc'));
        const startedAt = Date.parse(callIn(doc ?? '')?.startedAt ?? '');
        if (Number.isNaN(startedAt)) continue;
        await this.link.run({ script: listScript, keys: [recent], args: [startedAt, id], read: asNumber });
      }
    });
  }

  async step(): Promise<boolean> {
    const { keys } = this;
    const [generation, last, lastAt, ...flat] = await this.link.run({
      script: readScript,
      keys: [keys.recentCalls(), keys.historyState()],
      args: [keys.callPrefix(), STEP_CALLS],
      read: asTexts,
    });
    if (!generation) return false;
    const calls = inRows(flat, 4).map(([id = '', startedAt = '', stored = '', doc = '']) => {
      return [id, startedAt, stored, entryOf(doc) ?? stored];
    });
    await this.link.run({
      script: indexScript,
      keys: [keys.recentCalls(), keys.historyState()],
      args: [keys.history(), keys.callPrefix(), generation, last ?? '', lastAt ?? '', ...calls.flat()],
      read: asNumber,
    });
    return last !== '';
  }

  async dropFormer(goOn: () => Promise<boolean>): Promise<void> {
    const prefix = this.keys.history();
    const current = await this.link.send((client) => client.hget(this.keys.historyState(), 'generation'));
    const isFormer = (name: string): boolean => {
      const [first = '', ...rest] = name.slice(prefix.length).split(':');
      // Generations have names of digits; one layout had none, and its chunks the same kind of name.
      return first !== current && (rest.length > 0 ? /^\d+$/.test(first) : first === 'places' || first === 'floor');
    };
    const whole = await this.#scan(prefix, goOn, async (names) => {
      const former = names.filter(isFormer);
      if (former.length > 0) await this.link.send((client) => client.unlink(...former));
    });
    if (whole) await this.link.send((client) => client.hdel(this.keys.historyState(), 'former'));
  }

  /** Looks through all names of Redis, some at a time. @returns false where it was told to stop */
  async #scan(prefix: string, goOn: () => Promise<boolean>, take: (names: string[]) => Promise<void>) {
    for await (const names of namesFrom(this.link, prefix, SCAN_COUNT)) {
      if (!(await goOn())) return false;
      if (names.length > 0) await take(names);
    }
    return true;
  }
}

/** null where there is no document, or one that cannot be read: it must not hold up all others. */
function entryOf(doc: string): string | null {
  try {
    return indexEntry(JSON.parse(doc) as Call);
  } catch {
    return null;
  }
}

/** null where there is no document, or one that cannot be read. */
export function callIn(doc: string): Call | null {
  try {
    return JSON.parse(doc) as Call;
  } catch {
    return null;
  }
}
