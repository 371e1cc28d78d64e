import type { Logger } from 'pino';
import type { OperationalEventType } from '../call/event-types.js';
import type { GatewayConfig } from '../config/schema.js';
import { endpointsForOperational } from '../events/subscriptions.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisTrunks } from '../redis/trunks.js';
import type { DrachtioSipSide } from '../sip/sip-side.js';
import { CarrierTrunks } from '../trunks/carriers/carriers.js';

interface CarrierParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  sip: Pick<DrachtioSipSide, 'options' | 'register'>;
  onQueued: (endpoints: string[]) => void;
  logger: Logger;
}

/** The carriers' trunks, watched over SIP and told through Redis. */
export function buildCarriers({ config, link, keys, sip, onQueued, logger }: CarrierParts): CarrierTrunks {
  const shared = new RedisTrunks(link, keys, config().gateway.id, onQueued);
  const wanting = (type: OperationalEventType) => endpointsForOperational(type, config().webhooks);
  return new CarrierTrunks(
    {
      options: (uri, timeoutMs) => sip.options(uri, timeoutMs),
      register: (settings, onChange) => sip.register(settings, onChange),
      share: (heard) => shared.share(heard),
      setDrained: (name, on) => shared.setDrained(name, on),
      tell: (word) => shared.tell(word, { down: wanting('trunk.down'), up: wanting('trunk.up') }),
    },
    { logger },
  );
}
