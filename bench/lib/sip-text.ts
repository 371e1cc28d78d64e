/** As much SIP as a load generator needs: text in, text out, no stack whose own cost would be measured. */

export interface Address {
  host: string;
  port: number;
}

/** The value of the first header of this name (long or compact form). */
export function header(message: string, name: string, compact = name): string {
  const found = new RegExp(`^(?:${name}|${compact}) *: *([^\\r\\n]*)`, 'im').exec(message);
  return found?.[1] ?? '';
}

/** Via, From, To, Call-ID and CSeq as they came: what every response repeats (RFC 3261 8.2.6.2). */
function repeated(message: string, toTag = ''): string {
  const lines = message
    .slice(0, message.indexOf('\r\n\r\n'))
    .split('\r\n')
    .filter((line) => /^(?:Via|v|From|f|To|t|Call-ID|i|CSeq|Record-Route) *:/i.test(line))
    .map((line) => (/^(?:To|t) *:/i.test(line) && !/;tag=/i.test(line) ? `${line}${toTag}` : line));
  return lines.join('\r\n');
}

export function response(request: string, status: string, options: { toTag?: string; extra?: string; body?: string }) {
  const { toTag, extra = '', body = '' } = options;
  const type = body === '' ? '' : 'Content-Type: application/sdp\r\n';
  const head = `SIP/2.0 ${status}\r\n${repeated(request, toTag)}\r\n${extra}${type}`;
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** G.711 A-law and telephone-event on `port`. */
export function audioSdp(host: string, port: number): string {
  const lines = ['v=0', `o=bench 1 1 IN IP4 ${host}`, 's=-', `c=IN IP4 ${host}`, 't=0 0'];
  lines.push(`m=audio ${port} RTP/AVP 8 101`, 'a=rtpmap:8 PCMA/8000', 'a=rtpmap:101 telephone-event/8000');
  lines.push('a=fmtp:101 0-16', 'a=sendrecv', 'a=ptime:20', '');
  return lines.join('\r\n');
}

/** Where the other side's SDP wants its sound. */
export function audioAddress(message: string): Address | null {
  const host = /^c=IN IP4 (\S+)/m.exec(message)?.[1];
  const port = /^m=audio (\d+) /m.exec(message)?.[1];
  return host === undefined || port === undefined ? null : { host, port: Number(port) };
}
