import { buildOperationalEvent, type OperationalEvent } from '../events/catalogue.js';
import type { Word } from '../health/conditions.js';
import { newEventId } from '../lib/ids.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { loadScript } from './scripts.js';

/** Words are repeated each 15 s (health/conditions.ts). */
const WORD_LIFE_MS = 60_000;

const tellScript = loadScript('tell-condition');

/** What is watched, and told by `trunk.down` and `trunk.up`, `line.down` and `line.up`. */
export type WatchedKind = 'trunk' | 'line';

/** Ids of those who want the one event, and the other. */
export interface ToldEndpoints {
  down: string[];
  up: string[];
}

/** What gateways find down, each by itself: told once over all of them. */
export class RedisConditions {
  /**
   * @param gateway the configured id: a restarted gateway takes its own former word back
   * @param onQueued deliveries were queued for these endpoints
   * @param wordLifeMs for tests
   */
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly gateway: string,
    private readonly onQueued: (endpoints: string[]) => void,
    private readonly wordLifeMs: number = WORD_LIFE_MS,
  ) {}

  /** The event is written in the same step as the change it tells. Rejects with GW_ERR_REDIS_AWAY. */
  async tell(
    kind: WatchedKind,
    { id, reason, down }: Word<string>,
    endpoints: ToldEndpoints,
  ): Promise<'down' | 'up' | 'known'> {
    const [whenDown, whenUp] = eventsOf(kind, id, reason);
    const told = await this.link.run({
      script: tellScript,
      keys: [
        this.keys.downWords(kind, id, reason),
        this.keys.downTold(kind, id, reason),
        this.keys.events(),
        this.keys.endpoints(),
      ],
      args: [
        this.gateway,
        down ? 'down' : 'up',
        this.wordLifeMs,
        this.keys.outboxPrefix(),
        `about:${kind}:${id}`,
        whenDown.id,
        whenDown.timestamp,
        ...[whenDown, whenUp].flatMap((event) => [event.type, JSON.stringify(event)]),
        endpoints.down.length,
        ...endpoints.down,
        ...endpoints.up,
      ],
      read: (reply) => reply as 'down' | 'up' | 'known',
    });
    if (told !== 'known') this.onQueued(endpoints[told]);
    return told;
  }
}

/** One of them is told: they share id and time. */
function eventsOf(kind: WatchedKind, id: string, reason: string): [OperationalEvent, OperationalEvent] {
  const [eventId, now] = [newEventId(), Date.now()];
  const event = (state: 'down' | 'up'): OperationalEvent =>
    kind === 'trunk'
      ? buildOperationalEvent(`trunk.${state}`, { trunk: id, reason }, now, eventId)
      : buildOperationalEvent(`line.${state}`, { line: id, reason }, now, eventId);
  return [event('down'), event('up')];
}
