import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import type { EventReader, ReportSource } from '../http/ports.js';
import type { RedisLink } from '../redis/connection.js';
import { RedisEventFeed } from '../redis/event-feed.js';
import { RedisEventTail } from '../redis/event-tail.js';
import { isAfter } from '../redis/feed-cursor.js';
import type { Keys } from '../redis/keys.js';
import type { RedisUse } from '../redis/use.js';
import { toldLimitsOf } from '../routing/limits.js';

/** The feed of events, and what keeps it live. */
export interface OpenFeed extends EventReader {
  stop(): void;
}

export function openFeed({ gateway, redis }: GatewayConfig, link: RedisLink, keys: Keys, logger: Logger): OpenFeed {
  const feed = new RedisEventFeed(link, keys);
  const live = new RedisEventTail(feed, keys, { ...redis, name: `calltrack-live-${gateway.id}`, logger });
  return {
    after: (cursor, limit) => feed.after(cursor, limit),
    cursorAt: (at) => feed.cursorAt(at),
    isAfter,
    live,
    stop: () => live.stop(),
  };
}

interface ReportParts extends Pick<ReportSource, 'pools'> {
  config: () => GatewayConfig;
}

export function reportSource(use: RedisUse, { config, pools }: ReportParts): ReportSource {
  return {
    peaks: (...range) => use.peaks(...range),
    highest: (...range) => use.highest(...range),
    traffic: (...range) => use.traffic(...range),
    callCounts: (...range) => use.callCounts(...range),
    limits: () => toldLimitsOf(config()),
    poolHours: (...range) => use.poolHours(...range),
    sites: () => config().sites,
    pools,
  };
}
