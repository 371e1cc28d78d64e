import ipaddr from 'ipaddr.js';

/** An address range in its one canonical form: host bits cleared, IPv4-mapped IPv6 turned into IPv4. */
interface AddressRange {
  kind: 'ipv4' | 'ipv6';
  prefix: number;
  /** The network's bytes, in order. */
  network: number[];
}

/** The same bytes for the same source, however it is written; null where it is no address. */
export function readAddress(text: string): { kind: 'ipv4' | 'ipv6'; bytes: number[] } | null {
  // Brackets as in SIP and URLs; a zone ("%eth0") only says by which interface it came.
  const bare = text
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '');
  // ipaddr.js also reads "127.1" and octal parts as the C library does; sources are never written so.
  if (!bare.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(bare)) return null;
  if (!ipaddr.isValid(bare)) return null;
  const address = ipaddr.process(bare);
  return { kind: address.kind(), bytes: address.toByteArray() };
}

/** Reads `203.0.113.0/29`, `203.0.113.7`, `2001:db8::/32`, `::ffff:203.0.113.0/125`; null where it is none of these. */
export function readAddressRange(text: string): AddressRange | null {
  const [addressPart = '', prefixPart] = text.trim().split('/');
  const address = readAddress(addressPart);
  if (!address) return null;
  const wasMapped = address.kind === 'ipv4' && addressPart.includes(':');
  const bits = address.kind === 'ipv4' ? 32 : 128;
  const prefix = prefixPart === undefined ? bits : Number(prefixPart) - (wasMapped ? 96 : 0);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > bits) return null;
  return { kind: address.kind, prefix, network: clearHostBits(address.bytes, prefix) };
}

export function clearHostBits(bytes: readonly number[], prefix: number): number[] {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
}

/** Equal for equal ranges: to find doubles and to look ranges up. */
export function rangeKey(range: AddressRange): string {
  return `${range.kind}/${range.prefix}/${range.network.join('.')}`;
}

/** Addresses that `allowPrivate` admits; the egress guard holds every address that is connected to against them. */
export const PRIVATE_RANGES: ReadonlySet<string> = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);

/** Whether a host is an address that no webhook may have, private ones allowed or not: link-local (cloud metadata), multicast, reserved. */
export function isClosedHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (!ipaddr.isValid(bare)) return false;
  const range = ipaddr.process(bare).range();
  return range !== 'unicast' && range !== 'rfc6052' && !PRIVATE_RANGES.has(range);
}

/** Whether a host (address or name) is plainly not on the public internet; names are not resolved. */
export function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (/^localhost\.?$/.test(bare) || /\.(localhost|local|internal)\.?$/.test(bare)) return true;
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() !== 'unicast';
}
