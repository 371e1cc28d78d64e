export interface DigestCredentials {
  username: string;
  password: string;
}

/** The Authorization value for a `WWW-Authenticate`/`Proxy-Authenticate` one (RFC 3261 22.4, RFC 8760), or undefined if we cannot. */
export function answerChallenge(
  _challenge: string,
  _method: string,
  _uri: string,
  _credentials: DigestCredentials,
): string | undefined {
  throw new Error('not yet');
}
