import { clearHostBits, readAddress, readAddressRange } from '../config/ranges.js';
import type { TrunkConfig } from '../config/schema.js';

interface Level {
  kind: 'ipv4' | 'ipv6';
  prefix: number;
  trunks: Map<string, TrunkConfig>;
}

/** Whether calls of this trunk may come by `protocol`, as drachtio names it. */
export const takes = ({ inbound }: TrunkConfig, protocol: string): boolean =>
  inbound?.transport !== 'tls' || protocol.toLowerCase() === 'tls';

/**
 * Names the trunk a request comes from by its source address. Compiled once from the configuration; the longest
 * prefix wins, so that one host of a carrier's network may be a trunk of its own. Looking up costs one map access
 * for each distinct prefix length, because every INVITE of the internet passes here before anything else.
 */
export class TrunkGate {
  private readonly levels: Level[] = [];

  constructor(trunks: readonly TrunkConfig[]) {
    for (const trunk of trunks) {
      for (const source of trunk.inbound?.from ?? []) this.add(source, trunk);
    }
    this.levels.sort((a, b) => b.prefix - a.prefix);
  }

  /**
   * @param address the transport's source address: IPv4, IPv6 or IPv4-mapped IPv6, without a port
   * @returns the trunk, or null where nobody of ours lives there (or the text is no address)
   */
  find(address: string): TrunkConfig | null {
    const source = readAddress(address);
    if (!source) return null;
    for (const level of this.levels) {
      if (level.kind !== source.kind) continue;
      const trunk = level.trunks.get(clearHostBits(source.bytes, level.prefix).join('.'));
      if (trunk) return trunk;
    }
    return null;
  }

  private add(source: string, trunk: TrunkConfig): void {
    const range = readAddressRange(source);
    if (!range) return; // the schema has refused it already
    const level = this.levelFor(range.kind, range.prefix);
    const key = range.network.join('.');
    // The configuration check refuses doubles; without it the first one written stays.
    if (!level.trunks.has(key)) level.trunks.set(key, trunk);
  }

  private levelFor(kind: Level['kind'], prefix: number): Level {
    const found = this.levels.find((level) => level.kind === kind && level.prefix === prefix);
    if (found) return found;
    const level: Level = { kind, prefix, trunks: new Map() };
    this.levels.push(level);
    return level;
  }
}
