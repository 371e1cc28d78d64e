import type { GatewayConfig } from '../config/schema.js';

/** `next`, with the addresses and folders of the start: they are joined to what runs. */
export function withPlacesOf(present: GatewayConfig, next: GatewayConfig): GatewayConfig {
  const { maxCalls, maxCallsPerSecond, setupTimeout } = next.engines;
  const { retention, format, keepWav, links, minFree } = next.recordings;
  return {
    ...next,
    gateway: present.gateway,
    http: present.http,
    redis: present.redis,
    recordings: { ...present.recordings, retention, format, keepWav, links, minFree },
    engines: { ...present.engines, maxCalls, maxCallsPerSecond, setupTimeout },
  };
}
