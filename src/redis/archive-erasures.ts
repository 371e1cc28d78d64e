import type { ArchivedErasure, ArchiveErasure, ArchiveErasures, ErasedRecording } from '../history/eraser.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, asStrings, loadScript } from './scripts.js';

const storeScript = loadScript('note-store');
const noteScript = loadScript('note-erased-day');

/** A disk that never comes back leaves its erasure unfinished: it is told as such for so long. */
const LIFE_MS = 400 * 86_400_000;
const LOOK_AT_ONCE = 500;
const CALL = 'call:';
const STORE = 'store:';

/** Callers to be forgotten in the archives (`ArchiveErasures` of history/eraser.ts). */
export class RedisArchiveErasures implements ArchiveErasures {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async noteStore(store: string, gateway: string): Promise<void> {
    await this.link.run({
      script: storeScript,
      keys: [this.keys.historyStores()],
      args: [store, gateway],
      read: asNumber,
    });
  }

  async add({ id, number, at, by }: Omit<ArchiveErasure, 'after'>, store: string, gateway: string): Promise<void> {
    const known = await this.link.send((client) => client.hgetall(this.keys.historyStores()));
    const fields = Object.entries({ ...known, [store]: gateway }).map(([name, its]): [string, string] => {
      const waiting: Waiting = { gateway: its, after: null };
      return [STORE + name, JSON.stringify(waiting)];
    });
    const key = this.keys.archiveErasure(id);
    // The list last: what is in it is whole.
    await this.link.send((client) => client.hset(key, { number, at, by, ...Object.fromEntries(fields) }));
    await this.link.send((client) => client.pexpire(key, LIFE_MS));
    await this.link.send((client) => client.zadd(this.keys.archiveErasures(), Date.parse(at), id));
  }

  async count(): Promise<number> {
    return this.link.send((client) => client.zcard(this.keys.archiveErasures()));
  }

  async next(store: string): Promise<ArchiveErasure | null> {
    const ids = await this.link.send((client) => client.zrange(this.keys.archiveErasures(), 0, -1));
    // A disk that is gone leaves every one of them due, for as long as they are told, and each gateway looks again and again.
    for (let from = 0; from < ids.length; from += LOOK_AT_ONCE) {
      const part = ids.slice(from, from + LOOK_AT_ONCE);
      const found = await this.link.pipeline((pipe) => {
        for (const id of part) pipe.hmget(this.keys.archiveErasure(id), 'number', 'at', 'by', STORE + store);
      });
      for (const [i, id] of part.entries()) {
        const [number, at, by, waiting] = asStrings(found[i]);
        // Its time is over.
        if (!number || !at) await this.link.send((client) => client.zrem(this.keys.archiveErasures(), id));
        else if (waiting) return { id, number, at, by: by ?? '', after: (JSON.parse(waiting) as Waiting).after };
      }
    }
    return null;
  }

  async noteCall(id: string, callId: string, recording: ErasedRecording): Promise<void> {
    const key = this.keys.archiveErasure(id);
    await this.link.send((client) => client.hset(key, CALL + callId, JSON.stringify(recording)));
  }

  async noteDay(id: string, store: string, day: string | null): Promise<void> {
    await this.link.run({
      script: noteScript,
      keys: [this.keys.archiveErasure(id), this.keys.archiveErasures()],
      args: [id, STORE, store, day ?? ''],
      read: asNumber,
    });
  }

  async read(id: string): Promise<ArchivedErasure | null> {
    const fields = await this.link.send((client) => client.hgetall(this.keys.archiveErasure(id)));
    const { at, by } = fields;
    if (at === undefined || by === undefined) return null;
    const entries = Object.entries(fields);
    const waitingFor = entries
      .filter(([name]) => name.startsWith(STORE))
      .map(([, value]) => (JSON.parse(value) as Waiting).gateway);
    const calls = entries
      .filter(([name]) => name.startsWith(CALL))
      .map(([name, value]) => ({ id: name.slice(CALL.length), ...(JSON.parse(value) as ErasedRecording) }));
    return { id, at, by, archive: waitingFor.length > 0 ? 'waiting' : 'done', waitingFor, calls };
  }
}

/** An archive in which the caller is not forgotten yet. */
interface Waiting {
  gateway: string;
  after: string | null;
}
