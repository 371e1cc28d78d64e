import type { Call } from '../call/call.js';
import type { HistoryIndex, IndexCheck, IndexState } from '../history/rebuilder.js';
import { indexEntry } from '../history/slots.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, asStrings, loadScript } from './scripts.js';

const beginScript = loadScript('begin-rebuild');
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
    const [rebuild, below, total] = await this.link.send((client) =>
      client.hmget(this.keys.historyState(), 'rebuild', 'below', 'total'),
    );
    if (typeof rebuild !== 'string') return { state: 'ready', calls: null, left: 0, since: null };
    const since = new Date(Number(rebuild)).toISOString();
    return { state: 'rebuilding', calls: Number(total), left: Number(below), since };
  }

  async isDue(): Promise<boolean> {
    const fields = await this.link.send((client) => client.hmget(this.keys.historyState(), 'rebuild', 'former'));
    return fields.some((field) => field !== null);
  }

  async begin(force: boolean): Promise<IndexCheck> {
    return this.link.run({
      script: beginScript,
      keys: [this.keys.recentCalls(), this.keys.historyState()],
      args: [this.keys.history(), force ? 1 : 0],
      read: (reply) => {
        const [outcome, found, calls] = asStrings(reply);
        return { outcome: outcome as IndexCheck['outcome'], found: asNumber(found), calls: asNumber(calls) };
      },
    });
  }

  async step(): Promise<boolean> {
    const { keys } = this;
    const [generation, last, lastAt, ...flat] = await this.link.run({
      script: readScript,
      keys: [keys.recentCalls(), keys.historyState()],
      args: [keys.callPrefix(), STEP_CALLS],
      read: (reply) => asStrings(reply).map((field) => field ?? ''),
    });
    if (!generation) return false;
    const calls = Array.from({ length: flat.length / 4 }, (_, i) => {
      const [id = '', startedAt = '', stored = '', doc = ''] = flat.slice(4 * i, 4 * i + 4);
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

  /** Looks through all names of Redis, some at a time. */
  async dropFormer(goOn: () => Promise<boolean>): Promise<void> {
    const prefix = this.keys.history();
    const current = await this.link.send((client) => client.hget(this.keys.historyState(), 'generation'));
    const isFormer = (name: string): boolean => {
      const [first = '', ...rest] = name.slice(prefix.length).split(':');
      // Generations have names of digits; one layout had none, and its chunks the same kind of name.
      return first !== current && (rest.length > 0 ? /^\d+$/.test(first) : first === 'places' || first === 'floor');
    };
    let cursor = '0';
    do {
      const [next, names] = await this.link.send((client) =>
        client.scan(cursor, 'MATCH', `${escaped(prefix)}*`, 'COUNT', SCAN_COUNT),
      );
      const former = names.filter(isFormer);
      if (former.length > 0) await this.link.send((client) => client.unlink(...former));
      cursor = next;
      if (cursor !== '0' && !(await goOn())) return;
    } while (cursor !== '0');
    await this.link.send((client) => client.hdel(this.keys.historyState(), 'former'));
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

/** A prefix in a pattern of Redis. */
const escaped = (text: string): string => text.replace(/[\\*?[\]]/g, '\\$&');
