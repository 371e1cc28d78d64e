import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../config/schema.js';
import type { Reloaded } from '../http/ports.js';
import { GatewayError } from '../lib/errors.js';
import { limitsOf, type Limit } from '../routing/limits.js';

/** `next`, with the addresses, folders and keys of the start: they are joined to what runs. */
export function withPlacesOf(present: GatewayConfig, next: GatewayConfig): GatewayConfig {
  const { maxCalls, maxCallsPerSecond, setupTimeout } = next.engines;
  const { retention, format, keepWav, links, minFree } = next.recordings;
  return {
    ...next,
    gateway: { ...next.gateway, id: present.gateway.id },
    http: present.http,
    redis: present.redis,
    recordings: { ...present.recordings, retention, format, keepWav, links, minFree },
    engines: { ...present.engines, maxCalls, maxCallsPerSecond, setupTimeout },
  };
}

/** Where the configuration comes from. */
export interface ConfigSource {
  /** As it was written at the start, without what the sandbox has put in the engines' place. */
  written: GatewayConfig;
  /** Reads and checks it as a whole. Rejects with ConfigError; then nothing changes. */
  read: () => Promise<GatewayConfig>;
}

interface ReloadParts extends ConfigSource {
  /** Settles when the next call, and whoever asks next, finds all of it. */
  apply: (next: GatewayConfig) => Promise<void>;
  channels: () => { inUse: (resources: string[]) => Promise<Map<string, number>> };
  logger: Logger;
}

/**
 * Brings a changed configuration into the running gateway, one time after the other. Calls in progress keep their route;
 * the next call goes by the new one.
 */
export class Reloads {
  #last: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(private readonly parts: ReloadParts) {}

  /** The gateway stops: what a reload would begin, like a registration with a carrier, nobody would end any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Rejects with ConfigError where it is wrong, with GW_ERR_NOT_READY while the gateway stops: then nothing has changed. */
  reload(): Promise<Reloaded> {
    const reloading = this.#last.then(() => this.#reload());
    this.#last = reloading.catch(() => undefined);
    return reloading;
  }

  async #reload(): Promise<Reloaded> {
    const { written, read, apply, logger } = this.parts;
    const next = await read();
    if (this.#stopped) throw new GatewayError('GW_ERR_NOT_READY', 'the gateway stops');
    await apply(next);
    logger.level = next.log.level;
    const restart = differingKeys(withPlacesOf(written, next), next);
    if (restart.length === 0) logger.info({}, 'configuration reloaded');
    else logger.warn({ restart }, 'configuration reloaded, but for what needs a restart');
    const exceeded = await this.#exceeded(next);
    if (exceeded.length > 0) logger.warn({ exceeded }, 'limits below what is in use: calls in progress go on');
    return { restart, exceeded };
  }

  async #exceeded(config: GatewayConfig): Promise<Reloaded['exceeded']> {
    const limits = limitsOf(config);
    const inUse = await this.parts
      .channels()
      .inUse(limits.map(({ resource }) => resource))
      .catch(() => new Map<string, number>()); // Redis is away: the configuration counts all the same
    return limits.flatMap(({ kind, id, resource, limit }) => {
      const used = inUse.get(resource) ?? 0;
      return limit !== null && used > limit ? [{ key: keyOf(config, kind, id), limit, inUse: used }] : [];
    });
  }
}

function keyOf({ trunks, destinations, lines }: GatewayConfig, kind: Limit['kind'], id: string): string {
  const at = (list: readonly { id: string }[]): number => list.findIndex((one) => one.id === id);
  if (kind === 'destination') return `destinations[${at(destinations)}].channels`;
  if (kind === 'line') return `lines[${at(lines)}].channels`;
  const side = { 'trunk-in': '.inbound', 'trunk-out': '.outbound', trunk: '' }[kind];
  return `trunks[${at(trunks)}]${side}.channels`;
}

/** Where two configurations differ; lists are one value. */
function differingKeys(one: unknown, other: unknown, path: string[] = []): string[] {
  if (isDeepStrictEqual(one, other)) return [];
  if (!isGroup(one) || !isGroup(other)) return [path.join('.')];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differingKeys(one[key], other[key], [...path, key]));
}

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
