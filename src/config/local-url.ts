import type { GatewayConfig } from './schema.js';

/** Where the gateway's HTTP is reached from its own machine. */
export function localUrl({ host, port }: Pick<GatewayConfig['http'], 'host' | 'port'>): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
