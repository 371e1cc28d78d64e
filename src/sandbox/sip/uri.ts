/** Parameters keep their order; names are lower case; a parameter without `=` has the value ''. */
export type Params = Map<string, string>;

export interface SipUri {
  /** `sip`, `sips` or `tel`, lower case. */
  scheme: string;
  /** As written, percent escapes kept; the number for `tel:`. */
  user: string | undefined;
  password: string | undefined;
  /** IPv6 without brackets; '' for `tel:`. */
  host: string;
  port: number | undefined;
  params: Params;
  /** The part after `?`, raw. */
  headers: string | undefined;
}

export interface NameAddr {
  displayName: string | undefined;
  uri: string;
  /** Header parameters (`tag`, `expires`), not those of the URI. */
  params: Params;
}

export function parseUri(_text: string): SipUri | undefined {
  throw new Error('not yet');
}

export function formatUri(_uri: SipUri): string {
  throw new Error('not yet');
}

/** `"Name" <sip:...>;tag=x` or `sip:...;tag=x` (RFC 3261 20.10: then all parameters are the header's). */
export function parseNameAddr(_text: string): NameAddr | undefined {
  throw new Error('not yet');
}

export function formatNameAddr(_value: NameAddr): string {
  throw new Error('not yet');
}
