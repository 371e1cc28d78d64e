import type { GatewayConfig } from '../config/schema.js';

/** By whose habits people here type numbers. */
export function countriesOf({ trunks }: GatewayConfig): string[] {
  return [...new Set(trunks.flatMap(({ inbound }) => inbound?.numbers.country ?? []))];
}
