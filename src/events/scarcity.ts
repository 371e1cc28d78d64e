import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { buildOperationalEvent, type OperationalData, type OperationalEvent } from './catalogue.js';

interface Change {
  resource: string;
  /** 1, 2, 3 … of this resource. */
  number: number;
  /** By the clock of the store, ms since the epoch. */
  at: number;
}

/** A limit has become scarce, or is no longer; as the store has written it down. */
export interface LevelChange extends Change {
  level: 'ok' | 'high' | 'exhausted';
  inUse: number;
  limit: number;
}

/** A site's pool of numbers runs low or dry. */
export interface PoolChange extends Change {
  level: 'low' | 'exhausted';
  free: number;
  total: number;
}

interface Untold<C> {
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
 * Tells the world when something becomes scarce: channels of a limit, numbers of a pool. The store decides (once, over all gateways) and keeps each change until
 * it is struck off; whichever gateway comes by tells it. Two that tell the same change make the same event id, which the
 * feed takes once: so each change is told once, and none is lost with the gateway that should have told it.
 */
export class ScarcityTeller<C extends { resource: string }> {
  readonly #busy = new Set<string>();
  /** Woken while busy. */
  readonly #again = new Set<string>();

  constructor(
    private readonly untold: Untold<C>,
    private readonly eventOf: (change: C) => OperationalEvent,
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
    const event = this.eventOf(change);
    await this.append(event, change.resource);
    await this.untold.strikeOff(change);
    this.logger.info({ resource: change.resource, event: event.type, data: event.data }, 'capacity changed');
  }
}

/** The same change makes the same event, id included, whoever tells it. */
export function capacityEvent(change: LevelChange): OperationalEvent<CapacityEventType> {
  const data = { ...subjectOf(change.resource), inUse: change.inUse, limit: change.limit };
  return buildOperationalEvent(TYPE_OF[change.level], data, change.at, eventIdOf(change));
}

/** `pool:divan` → the pool of the site. */
export function poolEvent(change: PoolChange): OperationalEvent<'pool.low' | 'pool.exhausted'> {
  const data = { site: change.resource.slice('pool:'.length), free: change.free, total: change.total };
  const type = change.level === 'low' ? 'pool.low' : 'pool.exhausted';
  return buildOperationalEvent(type, data, change.at, eventIdOf(change));
}

/** Begins with its time like every other id of an event: a replay looks there for it. */
function eventIdOf({ resource, number, at }: Change): string {
  const rest = createHash('sha256').update(`${resource} ${number} ${at}`).digest('hex');
  return `evt_${at.toString(16).padStart(12, '0')}${rest.slice(0, 20)}`;
}

const DIRECTIONS: Record<string, 'inbound' | 'outbound'> = { 'trunk-in': 'inbound', 'trunk-out': 'outbound' };

/** `trunk-in:carrier-a` → the trunk's inbound limit. */
function subjectOf(resource: string): Pick<OperationalData['capacity.high'], 'kind' | 'id' | 'direction'> {
  const [prefix = '', ...rest] = resource.split(':');
  const kind = prefix === 'destination' || prefix === 'line' ? prefix : 'trunk';
  return { kind, id: rest.join(':'), direction: DIRECTIONS[prefix] ?? null };
}
