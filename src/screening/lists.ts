import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';
import type { CallerLists } from './rules.js';

/** An entry that somebody made through the API. */
export interface ListEntry {
  pattern: string;
  list: 'allow' | 'block';
  by: string;
  /** ISO 8601. */
  at: string;
}

/** All reject with GW_ERR_REDIS_AWAY. */
export interface ListStore {
  /** Rises with every change of a site's lists. */
  version(site: string): Promise<string>;
  entries(site: string): Promise<ListEntry[]>;
}

interface ListBookOptions {
  sites: () => readonly { id: string; screening: CallerLists }[];
  store: ListStore;
  logger: Logger;
}

/**
 * Block and allow lists in memory, configuration and API together, so that they hold while Redis is away and cost a
 * call nothing. Other gateways' changes are seen at the next refresh.
 */
export class ListBook {
  readonly #entries = new Map<string, { version: string; entries: ListEntry[] }>();

  constructor(private readonly options: ListBookOptions) {}

  of(site: string): CallerLists {
    const configured = this.options.sites().find(({ id }) => id === site)?.screening;
    const entries = this.#entries.get(site)?.entries ?? [];
    const patterns = (list: ListEntry['list']) => entries.filter((one) => one.list === list).map((one) => one.pattern);
    return {
      allow: [...(configured?.allow ?? []), ...patterns('allow')],
      block: [...(configured?.block ?? []), ...patterns('block')],
    };
  }

  async refresh(): Promise<void> {
    for (const { id } of this.options.sites()) {
      try {
        const version = await this.options.store.version(id);
        if (this.#entries.get(id)?.version === version) continue;
        this.#entries.set(id, { version, entries: await this.options.store.entries(id) });
      } catch (error) {
        this.options.logger.debug({ err: toError(error), site: id }, 'screening lists not refreshed');
      }
    }
  }
}
