import type { Drainable, TrackingNumber } from '../call/ports.js';
import type { GatewayConfig } from '../config/schema.js';
import type {
  DestinationView,
  LineRegistrations,
  LineView,
  LimitUse,
  ResourceReader,
  TrunkView,
} from '../http/ports.js';
import type { SeenHealth } from '../health/health.js';
import { systemClock, type Clock } from '../lib/clock.js';
import { registeringLines } from '../lines/registering.js';
import type { UseReader } from '../reports/ports.js';
import { localDay, startOfDay } from '../lib/local-time.js';
import { explainRoute, type ExplainedNumber, type Explanation, type TrunkDown } from '../routing/explain.js';
import { limitsOf, toldLimitsOf, type Limit } from '../routing/limits.js';
import type { TrunkState, TrunkStates } from './carriers/state.js';
import type { SharedDrains } from './drains.js';

export interface OverviewParts {
  config: () => GatewayConfig;
  /** Channels in use of each resource, over all gateways. */
  inUse: (resources: string[]) => Promise<Map<string, number>>;
  use: Pick<UseReader, 'highest'>;
  trunkStates: TrunkStates;
  drains: Pick<SharedDrains, 'has' | 'set'>;
  registrations: (lineIds: readonly string[]) => Promise<Map<string, LineRegistrations>>;
  /** Of a line's fixed address; null where nobody asks. */
  lineHealth: (lineId: string) => SeenHealth | null;
  /** A tracking number as any service may have written it. */
  findNumber: (number: string) => Promise<TrackingNumber | null>;
  clock?: Clock;
}

/** Trunks, lines and destinations as they are now, from everybody who knows a part of it. */
export class Overview implements ResourceReader {
  readonly #parts: OverviewParts;
  readonly #clock: Clock;

  constructor(parts: OverviewParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
  }

  async trunks(timeZone: string): Promise<TrunkView[]> {
    const limits = await this.#limits(timeZone, ['trunk-in', 'trunk-out', 'trunk']);
    return this.#parts.trunkStates.list().map((state) => ({ ...state, limits: limits.get(state.id) ?? [] }));
  }

  async lines(timeZone: string): Promise<LineView[]> {
    const { lines } = this.#parts.config();
    const [limits, registrations] = await Promise.all([this.#limits(timeZone, ['line']), this.#registrations()]);
    return lines.flatMap(({ id, uri }) => {
      const [use] = limits.get(id) ?? [];
      const registered = registrations.get(id) ?? null;
      const state = registered === null ? 'fixed' : registered.contacts > 0 ? 'registered' : 'unregistered';
      const draining = this.#parts.drains.has('line', id);
      const health = this.#parts.lineHealth(id);
      return use ? [{ id, uri: uri ?? null, state, draining, health, registrations: registered, ...use }] : [];
    });
  }

  async destinations(timeZone: string): Promise<DestinationView[]> {
    const limits = await this.#limits(timeZone, ['destination']);
    const down = trunksDown(this.#parts.trunkStates.list(), this.#clock());
    return this.#parts.config().destinations.flatMap(({ id, number, trunk }) => {
      const [use] = limits.get(id) ?? [];
      const draining = this.#parts.drains.has('destination', id);
      return use ? [{ id, number, trunk, trunkUp: !down.has(trunk), draining, ...use }] : [];
    });
  }

  async drain(kind: Drainable, id: string, on: boolean): Promise<boolean> {
    const { trunks, lines, destinations } = this.#parts.config();
    const known: readonly { id: string }[] = { trunk: trunks, line: lines, destination: destinations }[kind];
    if (!known.some((one) => one.id === id)) return false;
    await this.#parts.drains.set(kind, id, on);
    return true;
  }

  async explain(number: string, at: number): Promise<Explanation> {
    const { drains, lineHealth } = this.#parts;
    const config = this.#parts.config();
    const [found, inUse, registrations] = await Promise.all([
      this.#parts.findNumber(number),
      this.#parts.inUse(limitsOf(config).map(({ resource }) => resource)),
      this.#registrations(),
    ]);
    return explainRoute(config, number, found ?? configuredNumber(config, number), at, {
      inUse,
      trunksDown: trunksDown(this.#parts.trunkStates.list(), at),
      targetsDrained: new Set([
        ...config.lines.filter(({ id }) => drains.has('line', id)).map(({ id }) => id),
        ...config.destinations.filter(({ id }) => drains.has('destination', id)).map(({ id }) => id),
      ]),
      linesUnregistered: new Set([...registrations].filter(([, { contacts }]) => contacts === 0).map(([id]) => id)),
      linesDown: new Set(config.lines.flatMap(({ id }) => (lineHealth(id)?.state === 'down' ? [id] : []))),
    });
  }

  async #registrations(): Promise<Map<string, LineRegistrations>> {
    const lines = registeringLines(this.#parts.config());
    return lines.length > 0 ? this.#parts.registrations(lines) : new Map();
  }

  /** By the id of what they limit. */
  async #limits(timeZone: string, kinds: readonly Limit['kind'][]): Promise<Map<string, LimitUse[]>> {
    const limits = toldLimitsOf(this.#parts.config()).filter(({ kind }) => kinds.includes(kind));
    const resources = limits.map(({ resource }) => resource);
    const now = this.#clock();
    const today = startOfDay(localDay(now, timeZone), timeZone);
    const [inUse, peaks] = await Promise.all([
      this.#parts.inUse(resources),
      this.#parts.use.highest(resources, today, now),
    ]);
    const byId = new Map<string, LimitUse[]>();
    for (const { kind, id, resource, limit } of limits) {
      const used = inUse.get(resource) ?? 0;
      const channels = { inUse: used, limit, peakToday: Math.max(used, peaks.get(resource) ?? 0) };
      byId.set(id, [...(byId.get(id) ?? []), { kind, channels }]);
    }
    return byId;
  }
}

type Dialled = Pick<TrunkState, 'id' | 'draining' | 'gateways'>;

/** Those through which nobody is dialled at `at` (ms since the epoch), and why. */
export function trunksDown(trunks: readonly Dialled[], at: number): Map<string, TrunkDown> {
  return new Map(
    trunks.flatMap((trunk) => {
      const down = downAt(trunk, at);
      return down ? [[trunk.id, down]] : [];
    }),
  );
}

function downAt({ draining, gateways }: Dialled, at: number): TrunkDown | null {
  if (draining) return { why: 'is down (draining)', full: false, silent: false };
  const held = gateways.filter(({ heldUntil }) => heldUntil !== null && Date.parse(heldUntil) > at);
  if (gateways.length === 0 || gateways.some((one) => one.state !== 'down' && !held.includes(one))) return null;
  const until = held.map(({ heldUntil }) => heldUntil).toSorted()[0];
  if (!until) return { why: 'is down (no gateway of it answers)', full: false, silent: true };
  return {
    why: `asked not to be dialled until ${until} (Retry-After)`,
    full: held.some(({ full }) => full),
    silent: gateways.some((one) => !held.includes(one)),
  };
}

/** The number as the file has it: for when the store is away, or has not been told yet. */
export function configuredNumber({ numbers }: GatewayConfig, number: string): ExplainedNumber | null {
  const found = numbers.find((one) => one.number === number);
  return found ? { ...found, route: found.route ?? null, enabled: true } : null;
}
