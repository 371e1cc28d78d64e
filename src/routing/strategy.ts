import type { CarrierGateway, RouteConfig, STRATEGIES } from '../config/schema.js';

export type Strategy = (typeof STRATEGIES)[number];

/** What the strategies look at beside the order in which the targets are written. */
export interface Rotation {
  /** How often this step has been walked before, over all gateways. */
  turn: number;
  /** When each target last had a call, ms since the epoch; absent: never. */
  lastUsed: ReadonlyMap<string, number>;
}

/** The order in which a step's targets are tried (or, with `all-at-once`, recorded). */
export function orderTargets(targets: readonly string[], strategy: Strategy, rotation: Rotation): string[] {
  switch (strategy) {
    case 'in-order':
    case 'all-at-once':
      return [...targets];
    case 'round-robin': {
      const first = targets.length === 0 ? 0 : rotation.turn % targets.length;
      return [...targets.slice(first), ...targets.slice(0, first)];
    }
    case 'least-recent':
      // Sorting is stable: those that never had a call keep the order in which they are written.
      return [...targets].sort((a, b) => (rotation.lastUsed.get(a) ?? 0) - (rotation.lastUsed.get(b) ?? 0));
  }
}

/**
 * The order in which a carrier's gateways are tried (RFC 2782): the lowest priority first; within one priority each
 * comes next with a chance by its weight. `share` (0 to 1) is that of its calls which a gateway gets that has just come
 * back: of the others it is behind all, those of a higher priority too, since it may be alone in its own.
 */
export function orderGateways(
  gateways: readonly CarrierGateway[],
  random: () => number,
  share: (uri: string) => number = () => 1,
): CarrierGateway[] {
  const spared = new Set(gateways.filter(({ uri }) => share(uri) < 1 && random() >= share(uri)));
  const tried = gateways.filter((gateway) => !spared.has(gateway));
  return [...byPriority(tried, random), ...byPriority([...spared], random)];
}

function byPriority(gateways: readonly CarrierGateway[], random: () => number): CarrierGateway[] {
  const priorities = [...new Set(gateways.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) => {
    const left = gateways.filter((gateway) => gateway.priority === priority);
    const ordered: CarrierGateway[] = [];
    while (left.length > 0) ordered.push(...left.splice(draw(left, random), 1));
    return ordered;
  });
}

function draw(gateways: CarrierGateway[], random: () => number): number {
  const total = gateways.reduce((sum, { weight }) => sum + weight, 0);
  let at = random() * total;
  const index = gateways.findIndex(({ weight }) => (at -= weight) < 0);
  return index < 0 ? 0 : index;
}

/** Whether anybody asks when a target last had a call; otherwise no call need write it down. */
export const usesLastUsed = (routes: readonly RouteConfig[]): boolean =>
  routes.some(({ steps }) => steps.some(({ strategy }) => strategy === 'least-recent'));
