import type { HeaderInit, HeaderList, Protocol, SipStack } from '../sip/index.js';
import { canonicalName, formatHostPort } from '../sip/index.js';

/** The stack's own; what an application sends under these names is passed over (drachtio.cpp, m_setImmutableHdrs). */
const IMMUTABLE = new Set(['Via', 'Route', 'Rseq', 'RSeq', 'Record-Route', 'Content-Length']);
/** Of a response these are the request's; srf sends them along all the same. */
const COPIED_FROM_REQUEST = new Set(['From', 'To', 'Call-ID', 'CSeq']);
const WITH_LOCAL_HOST = new Set(['From', 'To', 'Contact', 'P-Asserted-Identity']);

export interface LocalAddress {
  host: string;
  port: number;
}

/** Where `stack` takes what comes by `protocol`. */
export const localAddress = ({ host, port, transport }: SipStack, protocol: Protocol): LocalAddress => ({
  host,
  port: transport.portOf(protocol) ?? port,
});

/** `@localhost` stands for the server's own address, which an application cannot know. */
function fillLocalHost(value: string, local: LocalAddress): string {
  return value.replace(/@localhost(?::\d+)?/gi, `@${formatHostPort(local.host, local.port)}`);
}

/** What an application may put on a request outside dialogs. */
export function requestHeaders(headers: HeaderList, local: LocalAddress): HeaderInit {
  return collect(headers, local, () => true);
}

/** The same for a response. */
export function responseHeaders(headers: HeaderList, local: LocalAddress): HeaderInit {
  return collect(headers, local, (name) => !COPIED_FROM_REQUEST.has(name));
}

/** `Content-Type` for a body that has none: SDP is told by its first line, anything else must be named. */
export function contentTypeFor(headers: HeaderList, body: string): string | undefined {
  return headers.get('Content-Type') ?? (body.startsWith('v=0') ? 'application/sdp' : undefined);
}

function collect(headers: HeaderList, local: LocalAddress, wanted: (name: string) => boolean): HeaderInit {
  const collected: Record<string, string[]> = {};
  for (const { name, value } of headers) {
    const canonical = canonicalName(name);
    if (IMMUTABLE.has(canonical) || !wanted(canonical) || value === '') continue;
    const written = spell(name, canonical);
    (collected[written] ??= []).push(WITH_LOCAL_HOST.has(canonical) ? fillLocalHost(value, local) : value);
  }
  return collected;
}

/** Applications write `x-call-id` and `X-esl-outbound`: own headers keep their spelling, known ones get the usual one. */
const spell = (name: string, canonical: string): string => (/^x-/i.test(name) ? name : canonical);
