import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { buildOperationalEvent, type OperationalData, type OperationalEvent } from './catalogue.js';

/** A limit has become scarce, or is no longer; as the store has written it down. Times in ms since the epoch. */
interface LevelChange {
  resource: string;
  number: number;
  level: 'ok' | 'high' | 'exhausted';
  inUse: number;
  limit: number;
  at: number;
}

interface Untold<C extends LevelChange> {
  of(resource: string): Promise<C[]>;
  strikeOff(change: C): Promise<void>;
}

type CapacityEventType = 'capacity.high' | 'capacity.exhausted' | 'capacity.recovered';

const TYPE_OF = {
  high: 'capacity.high',
  exhausted: 'capacity.exhausted',
  ok: 'capacity.recovered',
} as const satisfies Record<LevelChange['level'], CapacityEventType>;

/**
 * Tells the world when a limit becomes scarce. The store decides (once, over all gateways) and keeps each change until
 * it is struck off; whichever gateway comes by tells it. Two that tell the same change make the same event id, which the
 * feed takes once: so each change is told once, and none is lost with the gateway that should have told it.
 */
export class ScarcityTeller<C extends LevelChange> {
  readonly #busy = new Set<string>();
  /** Woken while busy. */
  readonly #again = new Set<string>();

  constructor(
    private readonly untold: Untold<C>,
    private readonly append: (event: OperationalEvent, subject: string) => Promise<void>,
    private readonly logger: Logger,
  ) {}

  /** Returns at once; one at a time per resource, so that its events keep their order. */
  wake(resource: string): void {
    this.#again.add(resource);
    if (this.#busy.has(resource)) return;
    this.#busy.add(resource);
    inBackground(this.#tellAll(resource));
  }

  async #tellAll(resource: string): Promise<void> {
    try {
      while (this.#again.delete(resource)) {
        for (const change of await this.untold.of(resource)) await this.#tell(change);
      }
    } catch (error) {
      // It stays written down: the next look at this limit wakes us again.
      this.logger.warn({ err: toError(error), resource }, 'a change of capacity is not told yet');
    } finally {
      // In the same turn as the last look at `#again`: a wake in between would find us busy and be lost.
      this.#busy.delete(resource);
    }
  }

  async #tell(change: C): Promise<void> {
    const event = capacityEvent(change);
    await this.append(event, change.resource);
    await this.untold.strikeOff(change);
    const { inUse, limit } = change;
    this.logger.info({ resource: change.resource, event: event.type, inUse, limit }, 'capacity changed');
  }
}

/** The same change makes the same event, id included, whoever tells it. */
function capacityEvent(change: LevelChange): OperationalEvent<CapacityEventType> {
  const digest = createHash('sha256').update(`${change.resource} ${change.number} ${change.at}`).digest('hex');
  const data = { ...subjectOf(change.resource), inUse: change.inUse, limit: change.limit };
  return buildOperationalEvent(TYPE_OF[change.level], data, change.at, `evt_${digest.slice(0, 32)}`);
}

const DIRECTIONS: Record<string, 'inbound' | 'outbound'> = { 'trunk-in': 'inbound', 'trunk-out': 'outbound' };

/** `trunk-in:carrier-a` → the trunk's inbound limit. */
function subjectOf(resource: string): Pick<OperationalData['capacity.high'], 'kind' | 'id' | 'direction'> {
  const [prefix = '', ...rest] = resource.split(':');
  const kind = prefix === 'destination' || prefix === 'line' ? prefix : 'trunk';
  return { kind, id: rest.join(':'), direction: DIRECTIONS[prefix] ?? null };
}
