/**
 * Over TLS drachtio-server writes `sips` into Contact, since its own contact for TLS must be one. A far end with a hop of UDP behind
 * its TLS could not send a BYE there, so `sip` is said wherever it was said to us or dialled; where `sips` was, `sips` is
 * right (RFC 3261 8.1.1.8, 12.1.1). The server puts its own address in the place of "localhost".
 *
 * @param overTls whether the message goes by TLS
 * @param uri what was dialled: the Request-URI
 */
export function contactOverTls(overTls: boolean, uri: string): Record<string, string> {
  return overTls && /^sip:/i.test(uri) ? { Contact: '<sip:calltrack@localhost;transport=tls>' } : {};
}
