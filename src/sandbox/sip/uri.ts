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

/** `;a=1;b` → a map. Semicolons inside quotes do not separate. */
export function parseParams(text: string): Params {
  const params: Params = new Map();
  for (const part of text.match(/(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g) ?? []) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name !== '' && !params.has(name)) params.set(name, equals < 0 ? '' : part.slice(equals + 1).trim());
  }
  return params;
}

export function formatParams(params: Params): string {
  let text = '';
  for (const [name, value] of params) text += value === '' ? `;${name}` : `;${name}=${value}`;
  return text;
}

/** RFC 3261 19.1 and, for `tel:`, RFC 3966; undefined for everything else. */
export function parseUri(text: string): SipUri | undefined {
  const match = /^(sips?|tel):([^\s<>]+)$/i.exec(text.trim());
  if (!match) return undefined;
  const [, scheme = '', rest = ''] = match;
  return scheme.toLowerCase() === 'tel' ? parseTel(rest) : parseSip(scheme.toLowerCase(), rest);
}

function parseTel(rest: string): SipUri {
  const [number, params = ''] = cut(rest, ';');
  return {
    scheme: 'tel',
    user: number,
    password: undefined,
    host: '',
    port: undefined,
    params: parseParams(params),
    headers: undefined,
  };
}

function parseSip(scheme: string, rest: string): SipUri | undefined {
  // A user part may hold `;` and `?`, so it is cut off first (RFC 3261 19.1.2).
  const at = rest.indexOf('@');
  const userInfo = at < 0 ? undefined : rest.slice(0, at);
  const [addressPart, headers] = cut(rest.slice(at + 1), '?');
  const [hostPort, params = ''] = cut(addressPart, ';');
  const address = parseHostPort(hostPort);
  if (!address || userInfo === '') return undefined;
  const [user, password] = userInfo === undefined ? [] : cut(userInfo, ':');
  return { scheme, user, password, ...address, params: parseParams(params), headers };
}

/** `host`, `host:port`, `[v6]:port`. */
export function parseHostPort(text: string): { host: string; port: number | undefined } | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?:\s*:\s*(\d{1,5}))?$/i.exec(text.trim());
  if (!match) return undefined;
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

export function formatHostPort(host: string, port: number | undefined): string {
  return port === undefined ? bracketed(host) : `${bracketed(host)}:${port}`;
}

export function formatUri(uri: SipUri): string {
  if (uri.scheme === 'tel') return `tel:${uri.user ?? ''}${formatParams(uri.params)}`;
  const password = uri.password === undefined ? '' : `:${uri.password}`;
  const user = uri.user === undefined ? '' : `${uri.user}${password}@`;
  const headers = uri.headers === undefined ? '' : `?${uri.headers}`;
  return `${uri.scheme}:${user}${formatHostPort(uri.host, uri.port)}${formatParams(uri.params)}${headers}`;
}

/** `"Name" <sip:...>;tag=x` or `sip:...;tag=x` (RFC 3261 20.10: then all parameters are the header's). */
export function parseNameAddr(text: string): NameAddr | undefined {
  const quoted = /^\s*"((?:[^"\\]|\\.)*)"\s*<([^<>]*)>\s*(;.*)?$/s.exec(text);
  if (quoted) return nameAddr(quoted[1]?.replace(/\\(.)/gs, '$1'), quoted[2], quoted[3]);
  const plain = /^\s*([^<>"]*)<([^<>]*)>\s*(;.*)?$/s.exec(text);
  if (plain) return nameAddr(plain[1]?.trim() === '' ? undefined : plain[1]?.trim(), plain[2], plain[3]);
  const bare = /^\s*([^\s;<>",]+)\s*(;.*)?$/s.exec(text);
  return bare ? nameAddr(undefined, bare[1], bare[2]) : undefined;
}

function nameAddr(displayName: string | undefined, uri = '', params = ''): NameAddr | undefined {
  return uri.trim() === '' ? undefined : { displayName, uri: uri.trim(), params: parseParams(params) };
}

export function formatNameAddr(value: NameAddr): string {
  const name = value.displayName === undefined ? '' : `"${value.displayName.replace(/["\\]/g, '\\$&')}" `;
  return `${name}<${value.uri}>${formatParams(value.params)}`;
}

function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
