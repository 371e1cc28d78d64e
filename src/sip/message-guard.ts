import parser from 'drachtio-srf/lib/sip-parser/parser.js';

/** Longer names than this do nobody good, and each answer to the request would carry them. */
const LONGEST_ADDRESS = 512;

let guarded = false;

/**
 * srf keeps a folded header (RFC 3261 7.3.1) as it came, and copies From, To, Call-ID and CSeq of a request into every
 * answer to it. drachtio-server takes no answer with a fold in its CSeq or in a quoted name, so such a caller got
 * neither 180 nor 200. Everything that srf reads is unfolded here, as the RFC has it: one blank in the fold's place.
 */
export function guardSipParser(): void {
  if (guarded) return;
  guarded = true;
  const parse = parser.parseSipMessage;
  parser.parseSipMessage = (text, lazy) => {
    const message = parse(text, lazy);
    if (message) tidy(message.headers);
    return message;
  };
}

function tidy(headers: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue;
    const unfolded = value.replace(/[ \t]*\r\n[ \t]+/g, ' ').trim();
    headers[name] = name === 'from' || name === 'to' ? shortAddress(unfolded) : unfolded;
  }
}

/** Without its display name where that is an essay. */
function shortAddress(address: string): string {
  const start = address.lastIndexOf('<');
  return address.length > LONGEST_ADDRESS && start > 0 ? address.slice(start) : address;
}
