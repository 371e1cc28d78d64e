import type { Logger } from 'pino';
import { CALL_EVENT_TYPES } from '../call/event-types.js';
import type { GatewayConfig } from '../config/schema.js';
import { endpointsForCall, endpointsForOperational } from '../events/subscriptions.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import type { RedisLink } from '../redis/connection.js';
import { RedisDeliveryArchive } from '../redis/delivery-archive.js';
import type { Keys } from '../redis/keys.js';
import { RedisOutbox } from '../redis/outbox.js';
import { openSink } from '../sinks/index.js';
import { WebhookDesk } from '../webhooks/desk.js';
import { Dispatcher } from '../webhooks/dispatcher.js';
import { sinkPorts } from './sinks.js';

export interface DeliveryParts {
  link: RedisLink;
  keys: Keys;
  config: () => GatewayConfig;
  metrics: GatewayMetrics;
  /** Redis holds nothing any more. Where it was emptied the connection stands: nobody else tells that the numbers are gone. */
  onDataLost: () => void;
  logger: Logger;
}

const callTypes = new Set<string>(CALL_EVENT_TYPES);

/** The outbox, who empties it, and where people look at it. */
export function buildDelivery({ link, keys, config, metrics, onDataLost, logger }: DeliveryParts) {
  const outbox = new RedisOutbox(link, keys, {
    wanting: (type) => endpointsForOperational(type, config().webhooks),
    onQueued: (endpoints) => dispatcher.poke(endpoints),
  });
  const ports = sinkPorts({ link, keys, config });
  const dispatcher = new Dispatcher(
    outbox,
    logger,
    {
      onDelivered: (_endpoint, seconds) => metrics.eventDelivered(seconds),
      onBacklog: (endpoint, backlog) => metrics.webhook(endpoint, backlog),
      onDrop: ({ endpoint, events }) => metrics.eventsDropped(endpoint, events),
      onDataLost,
    },
    { openSink: (endpoint, connection) => openSink(endpoint, connection, ports) },
  );
  const desk = new WebhookDesk({
    endpoints: () => config().webhooks,
    entitled: (endpoint, type, site) => {
      const { webhooks, sites } = config();
      const wanting = callTypes.has(type)
        ? endpointsForCall(type, site, webhooks, sites)
        : endpointsForOperational(type, webhooks, site, sites);
      return wanting.includes(endpoint);
    },
    dispatcher,
    archive: new RedisDeliveryArchive(link, keys, outbox),
  });
  return { dispatcher, desk };
}
