import type { ListEntry, ListStore } from '../screening/lists.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { loadScript } from './scripts.js';

const setScript = loadScript('set-listed');
/** They stand in every gateway's memory. */
const MOST_ENTRIES = 10_000;
const VERSION = 'version';

/** Block and allow lists that were made through the API. */
export class RedisScreening implements ListStore {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async version(site: string): Promise<string> {
    return (await this.link.send((client) => client.hget(this.keys.screening(site), VERSION))) ?? '';
  }

  async entries(site: string): Promise<ListEntry[]> {
    const fields = await this.link.send((client) => client.hgetall(this.keys.screening(site)));
    return Object.entries(fields)
      .filter(([pattern]) => pattern !== VERSION)
      .map(([pattern, value]) => {
        const [list = '', by = '', at = ''] = value.split('|');
        return { pattern, list: list === 'allow' ? 'allow' : 'block', by, at };
      });
  }

  async set(site: string, { pattern, list, by, at }: ListEntry): Promise<'done' | 'full'> {
    return (await this.#run(site, pattern, `${list}|${by}|${at}`)) === 'full' ? 'full' : 'done';
  }

  /** False where he was on no list. */
  async remove(site: string, pattern: string): Promise<boolean> {
    return (await this.#run(site, pattern, '')) === 'done';
  }

  #run(site: string, pattern: string, value: string): Promise<string> {
    return this.link.run({
      script: setScript,
      keys: [this.keys.screening(site)],
      args: [pattern, value, MOST_ENTRIES],
      read: String,
    });
  }
}
