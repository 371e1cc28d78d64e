import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import { endpointsForOperational } from '../events/subscriptions.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisOutbox } from '../redis/outbox.js';
import { Dispatcher } from '../webhooks/dispatcher.js';

export interface DeliveryParts {
  link: RedisLink;
  keys: Keys;
  config: () => GatewayConfig;
  metrics: GatewayMetrics;
  logger: Logger;
}

/** The outbox and who empties it. */
export function buildDispatcher({ link, keys, config, metrics, logger }: DeliveryParts): Dispatcher {
  const outbox = new RedisOutbox(link, keys, {
    wanting: (type) => endpointsForOperational(type, config().webhooks),
    onQueued: (endpoints) => dispatcher.poke(endpoints),
  });
  const dispatcher = new Dispatcher(outbox, logger, {
    onDelivered: (_endpoint, seconds) => metrics.eventDelivered(seconds),
    onBacklog: (endpoint, backlog) => metrics.webhook(endpoint, backlog),
    onDrop: ({ endpoint, events }) => metrics.eventsDropped(endpoint, events),
  });
  return dispatcher;
}
