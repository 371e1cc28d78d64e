import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { PRIVATE_RANGES } from '../config/ranges.js';

/**
 * Keeps webhooks out of the gateway's own network (SSRF): whoever may name an endpoint, or answer the DNS for its
 * name, must not make the gateway call what only the gateway can reach. The check is on the address that is connected
 * to, not on a look-up made earlier, so a name that changes its mind in between gains nothing.
 */

/**
 * The name of the range that makes an address unfit to send to, or null when it is fit; link-local (cloud metadata),
 * multicast and reserved ranges stay closed with `allowPrivate` too.
 */
export function forbiddenRange(address: string, allowPrivate: boolean): string | null {
  if (!ipaddr.isValid(address)) return 'not an address';
  const range = rangeOf(ipaddr.parse(address));
  if (range === 'unicast' || (allowPrivate && PRIVATE_RANGES.has(range))) return null;
  return range;
}

function rangeOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  if (address instanceof ipaddr.IPv4) return address.range();
  const range = address.range();
  if (range === 'ipv4Mapped') return address.toIPv4Address().range();
  // NAT64 leads to an IPv4 address: of the well-known prefix (RFC 6052, 64:ff9b::/96) to that of the last 32 bits, of the
  // local ones (RFC 8215, 64:ff9b:1::/48) to one that stands where only their own network knows.
  if (range === 'rfc6052' && address.match(NAT64, 96)) return new ipaddr.IPv4(address.toByteArray().slice(12)).range();
  // All that leads anywhere on the internet is of 2000::/3 (RFC 4291, section 2.4).
  return range === 'unicast' && !address.match(GLOBAL, 3) ? 'reserved' : range;
}

const NAT64 = ipaddr.IPv6.parse('64:ff9b::');
const GLOBAL = ipaddr.IPv6.parse('2000::');

class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
  readonly code = 'ERR_FORBIDDEN_ADDRESS';

  constructor(range: string) {
    super(`the receiver's address is ${range}; allowPrivate admits private and loopback addresses`);
  }
}

/** Refuses a URL whose host is written as an address: such a host is connected to without any look-up. */
export function checkLiteralHost(url: URL, allowPrivate: boolean): void {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0) return;
  const range = forbiddenRange(host, allowPrivate);
  if (range !== null) throw new ForbiddenAddressError(range);
}

type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** A `lookup` for `net.connect` that leaves out forbidden addresses and fails where none remains. */
export function guardedLookup(allowPrivate: boolean, resolve: Resolve = dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, []);
        return;
      }
      const allowed = addresses.filter(({ address }) => forbiddenRange(address, allowPrivate) === null);
      const [first] = allowed;
      if (!first) {
        const range = forbiddenRange(addresses[0]?.address ?? '', allowPrivate) ?? 'unknown';
        callback(new ForbiddenAddressError(range), []);
      } else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
