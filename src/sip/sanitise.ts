/**
 * What comes in by SIP travels on: into FreeSWITCH channel variables, ESL headers and other people's phones. FreeSWITCH
 * leaves an existing `%XX` as it is when it encodes a variable, and both ESL libraries decode it unguarded; a line
 * break ends an ESL command. So neither passes.
 */

/** One header value that we send: printable, on one line, without `%` and quotes, of bounded length. */
export function cleanHeaderValue(value: string, maxLength = 128): string {
  return value
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}%"\\<>]/gu, '')
    .slice(0, maxLength)
    .replace(/\p{Cs}$/u, '') // the cut may have halved a character
    .trim();
}

/** SDP is text by lines; a `%` in it (session names, mostly) says nothing that media needs. */
export function cleanSdp(sdp: string): string {
  return sdp.replaceAll('%', '').replace(/[^\t\r\n\x20-\x7e]/g, '');
}

/** Q.850 cause of a Reason header (RFC 3326), null where it has none. */
export function q850Cause(reason: string | undefined): number | null {
  const cause = /Q\.850\s*;.*?cause\s*=\s*(\d{1,3})/i.exec(reason ?? '')?.[1];
  return cause === undefined ? null : Number(cause);
}

/** `text` of a Reason header, null where it has none. */
export function reasonText(reason: string | undefined): string | null {
  const text = /;\s*text\s*=\s*"([^"]*)"/i.exec(reason ?? '')?.[1];
  return text === undefined ? null : cleanHeaderValue(text);
}
