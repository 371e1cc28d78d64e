import type { Drains } from '../call/ports.js';
import type { GatewayConfig } from '../config/schema.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import type { RedisChannels } from '../redis/channels.js';
import type { RedisRegistrations } from '../redis/registrations.js';
import { limitsOf } from '../routing/limits.js';
import type { FixedLines } from '../lines/fixed-lines.js';
import { registeringLines } from '../lines/registering.js';
import type { CarrierTrunks } from '../trunks/carriers/carriers.js';
import type { Pools } from './pools.js';

export interface GaugeSources {
  config: () => GatewayConfig;
  metrics: GatewayMetrics;
  calls: () => { inProgress: number; unwritten: number };
  /** Engine → whether it answers. */
  engines: () => Record<string, boolean>;
  carriers: Pick<CarrierTrunks, 'list'>;
  lines: Pick<FixedLines, 'watched' | 'isDown'>;
  drains: Drains;
  channels: Pick<RedisChannels, 'inUse'>;
  registrations: Pick<RedisRegistrations, 'registrations'>;
  pools: Pick<Pools, 'fillGauges'>;
}

/** Sets the gauges at each scrape, and only then. */
export async function fillGauges(sources: GaugeSources): Promise<void> {
  const { metrics, channels, carriers, lines, drains, registrations } = sources;
  metrics.calls(sources.calls());
  for (const [engine, up] of Object.entries(sources.engines())) metrics.engineUp(engine, up);
  for (const { id, up } of carriers.list()) metrics.trunkUp(id, up);
  for (const id of lines.watched) metrics.lineUp(id, !lines.isDown(id));
  for (const { id } of sources.config().lines) metrics.lineDrained(id, drains.has('line', id));
  const limits = limitsOf(sources.config());
  const inUse = await channels.inUse(limits.map(({ resource }) => resource));
  for (const { kind, id, resource, limit } of limits) metrics.channels(kind, id, inUse.get(resource) ?? 0, limit);
  for (const [line, { contacts }] of await registrations.registrations(registeringLines(sources.config())))
    metrics.lineContacts(line, contacts);
  await sources.pools.fillGauges();
}
