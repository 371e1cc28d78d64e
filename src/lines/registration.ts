import { isIP } from 'node:net';
import { hostPort, portOf, readNameAddr, readSipUri, splitList, type NameAddr, type SipUri } from './sip-uri.js';

/** A REGISTER as plain data; headers of one name joined by commas, undefined where there is none. */
export interface RegisterRequest {
  /** Where it really came from, whatever its headers say. */
  source: { address: string; port: number; protocol: string };
  callId: string;
  cseq: number;
  from: string | undefined;
  contact: string | undefined;
  expires: string | undefined;
  path: string | undefined;
  require: string | undefined;
  userAgent: string | undefined;
  authorization: string | undefined;
}

export interface RegistrarRules {
  minExpiresMs: number;
  maxExpiresMs: number;
  /** drachtio's own SIP addresses, `udp/10.0.0.1:5060`. */
  ownAddresses: readonly string[];
}

/** How one phone is rung. */
export interface Contact {
  /** As registered: the Request-URI, or with the transport it registered over. */
  uri: string;
  /** Where to send it: the proxy of Path, or the address behind NAT; null: straight to `uri`. */
  proxy: string | null;
  /** Rung at the address it registered from, so that address has to be kept open. */
  nat: boolean;
}

export interface WantedBinding {
  /** The same for URIs that are equal by RFC 3261 19.1.4 as far as a phone's contact goes. */
  key: string;
  /** As the phone wrote it: what the 200 lists. */
  registered: string;
  contact: Contact;
  /** 0: to be removed. */
  expiresMs: number;
}

export type RegistrationPlan =
  | { kind: 'query' }
  | { kind: 'clear' }
  | { kind: 'update'; bindings: WantedBinding[] }
  | { kind: 'refuse'; status: number; reason: string; headers: Record<string, string> };

const MAX_CONTACTS_IN_REQUEST = 20;
const MAX_PATH_HOPS = 10;
/** RFC 3261 10.2.1.1: what is malformed counts as this. */
const DEFAULT_EXPIRES_SECONDS = 3600;

/** What an authenticated REGISTER asks for (RFC 3261 10.3), or why it is refused. */
export function planRegistration(request: RegisterRequest, rules: RegistrarRules): RegistrationPlan {
  const unknown = splitList(request.require ?? '').filter((tag) => tag.toLowerCase() !== 'path');
  if (unknown.length > 0) return refuse(420, 'Bad Extension', { Unsupported: unknown.join(', ') });
  if (request.contact === undefined || request.contact.trim() === '') return { kind: 'query' };
  if (request.contact.trim() === '*') {
    return request.expires?.trim() === '0' ? { kind: 'clear' } : refuse(400, 'Contact * Needs Expires 0');
  }
  const path = readPath(request.path);
  if (path === null) return refuse(400, 'Malformed Path');
  if (path[0] !== undefined && isOwn(path[0], rules)) return refuse(403, 'Path Points At This Gateway');
  const contacts = splitList(request.contact);
  if (contacts.length > MAX_CONTACTS_IN_REQUEST) return refuse(400, 'Too Many Contacts');
  const bindings: WantedBinding[] = [];
  for (const text of contacts) {
    const binding = readBinding(text, path, request, rules);
    if ('status' in binding) return binding;
    bindings.push(binding);
  }
  return { kind: 'update', bindings };
}

function readBinding(
  text: string,
  path: SipUri[],
  request: RegisterRequest,
  rules: RegistrarRules,
): WantedBinding | Extract<RegistrationPlan, { kind: 'refuse' }> {
  const value = readNameAddr(text);
  const uri = value && readSipUri(value.uri);
  // Who registers over TLS may say `sips`: he is rung over the same connection.
  const schemes = request.source.protocol.toLowerCase() === 'tls' ? ['sip', 'sips'] : ['sip'];
  if (!value || !uri || !schemes.includes(uri.scheme)) return refuse(400, 'Malformed Contact');
  if (isOwn(uri, rules)) return refuse(403, 'Contact Points At This Gateway');
  const wantedMs = 1000 * expiresSeconds(value, request.expires);
  if (wantedMs > 0 && wantedMs < rules.minExpiresMs) {
    return refuse(423, 'Interval Too Brief', { 'Min-Expires': String(Math.ceil(rules.minExpiresMs / 1000)) });
  }
  return {
    key: keyOf(uri),
    registered: value.uri,
    contact: contactOf(value.uri, uri, path, request.source),
    expiresMs: Math.min(wantedMs, rules.maxExpiresMs),
  };
}

function expiresSeconds(value: NameAddr, header: string | undefined): number {
  const text = value.params.get('expires') ?? header?.trim();
  if (text === undefined || !/^\d{1,10}$/.test(text)) return DEFAULT_EXPIRES_SECONDS;
  return Math.min(Number(text), 0xffff_ffff);
}

/**
 * A phone is rung nowhere but at the address that its request came from: with a contact or Path of somebody else's, say
 * of the carrier that knows us by our address, who has a phone's password would have us place calls there. One whose
 * contact names another host sits behind NAT, mostly: its contact cannot be reached, that address can (RFC 3581's
 * `received` and `rport`). Over TCP and TLS it is reached over the connection that it has opened, since hardly a phone
 * listens, and none has a certificate; over TLS nowhere else, or it would be rung in the clear.
 */
function contactOf(
  written: string,
  uri: SipUri,
  path: SipUri[],
  { address, port, protocol }: RegisterRequest['source'],
): Contact {
  const transport = protocol.toLowerCase();
  const back = `sip:${hostPort(address, port)};transport=${transport}`;
  const [first] = path;
  if (first) {
    const listening = listeningAt(first, address);
    return { uri: written, proxy: listening ?? back, nat: listening === null };
  }
  const ringUri = transport === 'udp' || uri.params.has('transport') ? written : `${written};transport=${transport}`;
  const elsewhere = (uri.params.get('maddr') ?? uri.host).toLowerCase() !== address.toLowerCase();
  const straight = transport === 'udp' || (transport === 'tcp' && portOf(uri) === port);
  if (!elsewhere && straight) return { uri: ringUri, proxy: null, nat: false };
  return { uri: ringUri, proxy: back, nat: true };
}

/**
 * Where the proxy that passed a request on from `address` takes requests, by its own entry in Path: its port and transport
 * (RFC 3327). Null where the entry is of another address. drachtio sends no Route headers of ours, so the first hop is as
 * far as we can say.
 */
function listeningAt(uri: SipUri, address: string): string | null {
  const { host, params } = uri;
  // A name may lead anywhere: it counts as the address that the request came from.
  const named = params.get('maddr') ?? host;
  if (isIP(named) !== 0 && named.toLowerCase() !== address.toLowerCase()) return null;
  return `sip:${hostPort(address, portOf(uri))};transport=${params.get('transport')?.toLowerCase() ?? 'udp'}`;
}

/** Where a contact is rung, which is where it registered from, whatever it calls itself; null where that cannot be read. */
export function rungAt({ uri, proxy }: Pick<Contact, 'uri' | 'proxy'>): { address: string; port: number } | null {
  const read = readSipUri(proxy ?? uri);
  return read && { address: read.params.get('maddr') ?? read.host, port: portOf(read) };
}

function readPath(header: string | undefined): SipUri[] | null {
  const hops = splitList(header ?? '').map((hop) => readSipUri(readNameAddr(hop)?.uri ?? ''));
  if (hops.length > MAX_PATH_HOPS) return null;
  const read = hops.filter((hop) => hop?.scheme === 'sip');
  return read.length === hops.length ? (read as SipUri[]) : null;
}

/** Ringing it would ring ourselves, for ever. */
function isOwn(uri: SipUri, { ownAddresses }: RegistrarRules): boolean {
  const named = (uri.params.get('maddr') ?? uri.host).toLowerCase().replace(/^\[|\]$/g, '');
  const hosts = named === 'localhost' ? ['127.0.0.1', '::1'] : [named];
  return hosts.some((host) =>
    ownAddresses.some((own) => own.slice(own.indexOf('/') + 1) === hostPort(host, portOf(uri))),
  );
}

function keyOf({ scheme, user, host, port, params }: SipUri): string {
  const transport = params.get('transport')?.toLowerCase();
  const maddr = params.get('maddr')?.toLowerCase();
  return [
    `${scheme}:${user ?? ''}@${host}${port === null ? '' : `:${port}`}`,
    ...(transport === undefined ? [] : [`transport=${transport}`]),
    ...(maddr === undefined ? [] : [`maddr=${maddr}`]),
  ].join(';');
}

function refuse(status: number, reason: string, headers: Record<string, string> = {}) {
  return { kind: 'refuse', status, reason, headers } as const;
}
