import type { GatewayConfig } from '../config/schema.js';
import type { ScreeningEditor } from '../http/ports.js';
import { GatewayError } from '../lib/errors.js';
import type { RedisScreening } from '../redis/screening.js';
import type { ListBook } from '../screening/lists.js';

/** Changes of the lists, which hold here at once. */
export function screeningEditor(store: RedisScreening, book: ListBook, config: () => GatewayConfig): ScreeningEditor {
  return {
    hasSite: (site) => config().sites.some(({ id }) => id === site),
    entries: (site) => store.entries(site),
    set: async (site, pattern, list, by) => {
      const entry = { pattern, list, by, at: new Date().toISOString() };
      if ((await store.set(site, entry)) === 'full')
        throw new GatewayError('GW_ERR_BAD_REQUEST', 'the lists of this site are full');
      await book.refresh();
      return entry;
    },
    remove: async (site, pattern) => {
      const removed = await store.remove(site, pattern);
      await book.refresh();
      return removed;
    },
  };
}
