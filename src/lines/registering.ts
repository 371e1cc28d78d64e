import type { GatewayConfig } from '../config/schema.js';

/** Ids of the lines whose phones register with us; the others have a fixed address. */
export function registeringLines({ lines }: Pick<GatewayConfig, 'lines'>): string[] {
  return lines.filter(({ register }) => register).map(({ id }) => id);
}
