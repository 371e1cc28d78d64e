/** As much of RFC 3261 19.1 and 20.10 as a registrar reads: URIs of phones, and lists of them in Contact and Path. */

export interface SipUri {
  scheme: 'sip' | 'sips';
  user: string | null;
  /** Lower case; IPv6 without brackets. */
  host: string;
  port: number | null;
  /** Names in lower case; a parameter without `=` has the value ''. */
  params: Map<string, string>;
}

export interface NameAddr {
  uri: string;
  /** Header parameters (`expires`, `q`), not those of the URI. */
  params: Map<string, string>;
}

/** Longer URIs are nobody's phone. */
const MAX_URI_LENGTH = 256;
/** Printable ASCII without what would end the URI, the header or its value; `?` would bring header fields along. */
const URI = /^(sips?):(?:([^\s@?<>",]+)@)?(\[[0-9a-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?((?:;[^\s?<>",@]*)*)$/i;

/** null where it is no `sip:` or `sips:` URI that we would send to. */
export function readSipUri(text: string): SipUri | null {
  if (text.length > MAX_URI_LENGTH || /[^\x21-\x7e]/.test(text)) return null;
  const [, scheme, user, host, port, params] = URI.exec(text) ?? [];
  if (scheme === undefined || host === undefined || Number(port ?? 0) > 65_535) return null;
  return {
    scheme: scheme.toLowerCase() as SipUri['scheme'],
    user: user ?? null,
    host: host.toLowerCase().replace(/^\[|\]$/g, ''),
    port: port === undefined ? null : Number(port),
    params: readParams(params ?? ''),
  };
}

/** Where a URI without a port leads (RFC 3261 19.1.2). */
export const portOf = ({ scheme, port, params }: SipUri): number =>
  port ?? (scheme === 'sips' || params.get('transport')?.toLowerCase() === 'tls' ? 5061 : 5060);

/** `address` with brackets where it is IPv6. */
export const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** Splits a header's value at the commas that stand outside quotes and angle brackets (RFC 3261 7.3.1). */
export function splitList(value: string): string[] {
  const parts = value.match(/(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^,"<]|["<])+/gs) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** `"Name" <sip:…>;expires=60` or `sip:…;expires=60`: without brackets every parameter is the header's. */
export function readNameAddr(text: string): NameAddr | null {
  const [, bracketed, after] = /^(?:"(?:[^"\\]|\\.)*"\s*|[^"<>]*)<([^<>]*)>\s*(;.*)?$/s.exec(text.trim()) ?? [];
  const uri = bracketed?.trim();
  if (uri !== undefined) return /\s/.test(uri) ? null : { uri, params: readParams(after ?? '') };
  const [, bare, params] = /^([^\s;<>",]+)\s*(;.*)?$/s.exec(text.trim()) ?? [];
  return bare === undefined ? null : { uri: bare, params: readParams(params ?? '') };
}

function readParams(text: string): Map<string, string> {
  const params = new Map<string, string>();
  for (const part of text.match(/(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g) ?? []) {
    const [, name = '', value = ''] = /^\s*([^=\s]+)\s*(?:=\s*(.*?))?\s*$/s.exec(part) ?? [];
    if (name !== '' && !params.has(name.toLowerCase())) params.set(name.toLowerCase(), value);
  }
  return params;
}
