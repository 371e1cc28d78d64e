import type { Logger } from 'pino';
import type { OperationalEventType } from '../call/event-types.js';
import type { GatewayConfig } from '../config/schema.js';
import { endpointsForOperational } from '../events/subscriptions.js';
import type { Word } from '../health/conditions.js';
import { FixedLines } from '../lines/fixed-lines.js';
import { RedisConditions, type WatchedKind } from '../redis/conditions.js';
import type { RedisLink } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { RedisTrunks } from '../redis/trunks.js';
import type { DrachtioSipSide } from '../sip/sip-side.js';
import { CarrierTrunks } from '../trunks/carriers/carriers.js';

interface WatchedParts {
  config: () => GatewayConfig;
  link: RedisLink;
  keys: Keys;
  sip: Pick<DrachtioSipSide, 'options' | 'register'>;
  onQueued: (endpoints: string[]) => void;
  logger: Logger;
}

/** The carriers' trunks and the lines at fixed addresses, watched over SIP and told through Redis. */
export function buildWatched({ config, link, keys, sip, onQueued, logger }: WatchedParts): {
  carriers: CarrierTrunks;
  lines: FixedLines;
} {
  const shared = new RedisTrunks(link, keys);
  const conditions = new RedisConditions(link, keys, config().gateway.id, onQueued);
  const wanting = (type: OperationalEventType) => endpointsForOperational(type, config().webhooks);
  const tell = (kind: WatchedKind, word: Word<string>) =>
    conditions.tell(kind, word, { down: wanting(`${kind}.down`), up: wanting(`${kind}.up`) });
  const options = (uri: string, timeoutMs: number) => sip.options(uri, timeoutMs);
  return {
    carriers: new CarrierTrunks(
      {
        options,
        register: (settings, onChange) => sip.register(settings, onChange),
        share: (heard) => shared.share(heard),
        setDrained: (name, on) => shared.setDrained(name, on),
        tell: (word) => tell('trunk', word),
      },
      { logger },
    ),
    lines: new FixedLines({ options, tell: (word) => tell('line', word) }, logger),
  };
}
