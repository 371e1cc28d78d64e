import type { GatewayConfig } from '../config/schema.js';
import type { CallReader, EventReader, ReportSource } from '../http/ports.js';
import type { RedisCallStore } from '../redis/call-store.js';
import type { RedisUse } from '../redis/use.js';
import { toldLimitsOf } from '../routing/limits.js';

/** What the HTTP interface reads, from what keeps it. */

export function callReader(store: RedisCallStore): CallReader {
  return {
    get: (id) => store.get(id),
    list: async (cursor, limit) => {
      const calls = await store.list({ after: cursor ?? '', limit });
      return { calls, next: calls.length === limit ? (calls.at(-1)?.id ?? null) : null };
    },
  };
}

export function eventReader(store: RedisCallStore): EventReader {
  return {
    after: async (cursor, limit) => ({ events: await store.events({ ...(cursor ? { after: cursor } : {}), limit }) }),
    cursorAt: (at) => store.cursorAt(at),
  };
}

export function reportSource(use: RedisUse, config: () => GatewayConfig): ReportSource {
  return {
    peaks: (...range) => use.peaks(...range),
    highest: (...range) => use.highest(...range),
    traffic: (...range) => use.traffic(...range),
    callCounts: (...range) => use.callCounts(...range),
    limits: () => toldLimitsOf(config()),
    sites: () => config().sites,
  };
}
