import type { GatewayConfig } from '../config/schema.js';

/** `trunk-in`, `trunk-out`, `trunk` (both together), `destination`, `line`: the first half of a channel's resource name. */
export type LimitKind = 'trunk-in' | 'trunk-out' | 'trunk' | 'destination' | 'line';

export interface Limit {
  kind: LimitKind;
  /** Of the trunk, destination or line. */
  id: string;
  /** The name under which its channels are held. */
  resource: string;
  /** null: none, but counted all the same. */
  limit: number | null;
}

/** Every limit of the configuration. */
export function limitsOf({ trunks, destinations, lines }: GatewayConfig): Limit[] {
  const limit = (kind: LimitKind, id: string, channels: number | null): Limit => ({
    kind,
    id,
    resource: `${kind}:${id}`,
    limit: channels,
  });
  return [
    ...trunks.flatMap(({ id, channels, inbound, outbound }) => [
      ...(inbound ? [limit('trunk-in', id, inbound.channels)] : []),
      ...(outbound ? [limit('trunk-out', id, outbound.channels)] : []),
      limit('trunk', id, channels),
    ]),
    ...destinations.map(({ id, channels }) => limit('destination', id, channels)),
    ...lines.map(({ id, channels }) => limit('line', id, channels)),
  ];
}

/** Those that are told of: a trunk that has no limit of both directions together is told by each of them. */
export const toldLimitsOf = (config: GatewayConfig): Limit[] =>
  limitsOf(config).filter(({ kind, limit }) => kind !== 'trunk' || limit !== null);
