import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, loadScript, type ScriptCall } from './scripts.js';

const listScript = loadScript('list-in-pool');

/** Scripts in one pipeline, and numbers in one script: ten thousand numbers must not be one request of megabytes. */
const BATCH = 500;

/** `lent`: in the list and the pool. `shown`: in the list only (static, disabled). `gone`: in neither. */
export interface Listing {
  site: string;
  number: string;
  state: 'lent' | 'shown' | 'gone';
}

/** Which numbers a site has, and which of them it lends: `numbers` come into its hash tag beside their own. */
export async function listInPools(link: RedisLink, keys: Keys, listings: readonly Listing[]): Promise<void> {
  const bySite = new Map<string, Listing[]>();
  for (const listing of listings) {
    const known = bySite.get(listing.site);
    if (known) known.push(listing);
    else bySite.set(listing.site, [listing]);
  }
  const calls = [...bySite].flatMap(([site, all]) =>
    chunks(all).map((part): ScriptCall<number> => ({
      script: listScript,
      keys: [keys.numberIndex(site), keys.pool(site)],
      args: part.flatMap(({ number, state }) => [number, state]),
      read: asNumber,
    })),
  );
  await link.runAll(calls);
}

/** As the link's `runAll`, in as many exchanges as it takes. Rejects having done a part, perhaps. */
export async function runInBatches<R>(link: RedisLink, calls: readonly ScriptCall<R>[]): Promise<R[]> {
  const replies: R[] = [];
  for (const part of chunks(calls)) replies.push(...(await link.runAll(part)));
  return replies;
}

function chunks<T>(all: readonly T[], size = BATCH): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
