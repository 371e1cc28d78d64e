import type { GatewayConfig } from '../config/schema.js';
import type { CallHistory } from '../history/query.js';
import type { RedisLink } from '../redis/connection.js';
import { RedisHistory } from '../redis/history.js';
import type { Keys } from '../redis/keys.js';
import type { RedisUse } from '../redis/use.js';

export function openHistory(link: RedisLink, keys: Keys, config: () => GatewayConfig, use: RedisUse): CallHistory {
  return new RedisHistory(link, keys, { countries: () => countriesOf(config()), use });
}

/** By whose habits people here type numbers. */
function countriesOf({ trunks }: GatewayConfig): string[] {
  return [...new Set(trunks.flatMap(({ inbound }) => inbound?.numbers.country ?? []))];
}
