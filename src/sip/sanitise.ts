/**
 * What comes in by SIP travels on: into FreeSWITCH channel variables, ESL headers and other people's phones. FreeSWITCH
 * leaves an existing `%XX` as it is when it encodes a variable, and both ESL libraries decode it unguarded; a line
 * break ends an ESL command. So neither passes.
 */

const MAX_HEADER_VALUE = 128;

/** One header value that we send: printable, on one line, without `%` and quotes, of bounded length. */
export function cleanHeaderValue(value: string): string {
  return value
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}%"\\<>]/gu, '')
    .slice(0, MAX_HEADER_VALUE)
    .replace(/\p{Cs}$/u, '') // the cut may have halved a character
    .trim();
}

/** Of a session and its audio; G.711 needs no other. */
const ATTRIBUTES = /^a=(rtpmap|fmtp|ptime|maxptime|rtcp|sendrecv|sendonly|recvonly|inactive)\b/;
/** A stream's kind and port. */
const NOT_AUDIO = /^(?<stream>m=(?!audio )\S+ )\S+/;
/**
 * A key that FreeSWITCH may have (RFC 4568 9.1), in RTP/SAVP: of the one suite it takes, one and no more (MKI), and without words
 * behind it, by which the sound could be left in the clear all the same.
 */
const KEY = /^a=crypto:\d{1,9} AES_CM_128_HMAC_SHA1_80 inline:[\w+/]{40}(\|2\^\d{1,2}|\|\d{1,15})?\s*$/;

/**
 * SDP as the other side gets it: audio. FreeSWITCH refuses an offer of RTP/AVP that has `a=crypto` as well, which
 * a plain answer would decline by itself, so keys stay in RTP/SAVP only; ICE, DTLS and what belongs to video only make the
 * message long. No `m=` line goes, since the answer must have as many (RFC 3264 6), but streams that are not audio are
 * passed on switched off: of a caller who offers fax behind his audio FreeSWITCH would hear nothing, and with fax before
 * it, or with text, it takes no call at all (seen). A `%`, or a letter of another alphabet, becomes a dash: without any
 * name in `o=` FreeSWITCH takes no call either (seen).
 */
export function cleanSdp(sdp: string): string {
  const lines = sdp
    .replace(/(?![\t\r\n])\p{Cc}/gu, '')
    .replace(/[%\P{ASCII}]/gu, '-')
    .split(/\r?\n/)
    .filter(Boolean);
  let audio = true;
  let secured = false;
  const kept = lines.filter((line) => {
    if (line.startsWith('m=')) {
      audio = line.startsWith('m=audio');
      secured = /^m=audio \d+ RTP\/SAVP /.test(line);
    }
    return !line.startsWith('a=') || (audio && ATTRIBUTES.test(line)) || (secured && KEY.test(line));
  });
  return kept.map((line) => `${line.replace(NOT_AUDIO, '$<stream>0')}\r\n`).join('');
}

/**
 * The SDP of a message: its body, or the part of a multipart body that is SDP, as carriers send it that enclose ISUP
 * (RFC 3372, RFC 5621 3.1). Empty where there is none.
 */
export function sdpOf(message: { get(header: string): string | undefined; body: string }): string {
  const type = message.get('Content-Type') ?? SDP_TYPE;
  if (isSdp(type)) return cleanSdp(message.body);
  const boundary = /^multipart\/.*;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(type);
  if (!boundary) return '';
  for (const part of `\r\n${message.body}`.split(`\r\n--${boundary[1] ?? boundary[2] ?? ''}`)) {
    const [head = '', ...content] = part.split('\r\n\r\n');
    const partType = /^(?:content-type|c)\s*:\s*(.*)$/im.exec(head)?.[1];
    if (partType && isSdp(partType)) return cleanSdp(content.join('\r\n\r\n'));
  }
  return '';
}

const SDP_TYPE = 'application/sdp';

const isSdp = (type: string): boolean => type.split(';')[0]?.trim().toLowerCase() === SDP_TYPE;

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

/** More of them are no explanation. */
const MOST_TEXTS = 4;

/** What stands in quotes in a Reason or Warning header (RFC 3261 20.43): words for people, cleaned, without numbers of theirs. */
export function quotedTexts(header: string | undefined): string[] {
  const texts = (header ?? '').slice(0, 2048).match(/"[^"]*"/g) ?? [];
  return texts
    .slice(0, MOST_TEXTS)
    .map((text) => cleanHeaderValue(text).replace(/\d{5,}/g, '…'))
    .filter(Boolean);
}

/** Whether the first address of a Contact header is a SIP URI that names a host (RFC 3261 8.1.1.8). */
export function hasHost(contact: string): boolean {
  const first = /^(?:[^"<,]*|\s*"(?:[^"\\]|\\.)*"\s*)<([^>]*)>/.exec(contact)?.[1] ?? contact.split(/[;,]/)[0] ?? '';
  return /^\s*sips?:(?:[^@]*@)?(?:[\w.-]+|\[[\da-f:.]+\])(?=[\s:;?]|$)/i.test(first);
}
