import { HeaderList } from './headers.js';
import type { SipMessage } from './message.js';
import { SipRequest, SipResponse } from './message.js';
import { parseUri } from './uri.js';

/** Far above what telephony sends, far below what would hurt. */
export const LIMITS = { messageBytes: 65_535, headerFields: 256, headerBytes: 8192 } as const;

/** What could not be read. `request` is there when the sender can still be told so. */
export interface Malformed {
  readonly kind: 'malformed';
  readonly reason: string;
  /** The status to answer with: 400, 505 (version) or 513 (too large). */
  readonly status: number;
  readonly request?: SipRequest;
}

const TOKEN = /^[\w\-.!%*+`'~]+$/;
const END_OF_HEAD = Buffer.from('\r\n\r\n');
/** Header fields that RFC 3261 20 allows once only and that a reader would otherwise have to choose from. */
const SINGLE = ['Call-ID', 'CSeq', 'From', 'To', 'Content-Length', 'Max-Forwards', 'Content-Type'];

/** Reads one message, a datagram or what the stream framing cut out. Never throws. */
export function parseMessage(data: Buffer): SipMessage | Malformed {
  if (data.length > LIMITS.messageBytes) return malformed('message too large', 513);
  let start = 0;
  // RFC 3261 7.5: empty lines before the start line are skipped.
  while (data[start] === 0x0d || data[start] === 0x0a) start++;
  const end = data.indexOf(END_OF_HEAD, start);
  if (end < 0) return malformed('no empty line after the header');
  const lines = data.toString('utf8', start, end).split('\r\n');
  const message = parseStartLine(lines[0] ?? '');
  if (message.kind === 'malformed') return message;
  const problem =
    parseHeaders(lines, message.headers) ??
    readBody(message, data.subarray(end + END_OF_HEAD.length)) ??
    findFault(message);
  if (problem === undefined) return message;
  const { text, status } = problem;
  return message.kind === 'request' && answerable(message) ? malformed(text, status, message) : malformed(text, status);
}

interface Problem {
  text: string;
  status: number;
}

const problem = (text: string, status = 400): Problem => ({ text, status });

function malformed(reason: string, status = 400, request?: SipRequest): Malformed {
  return request === undefined ? { kind: 'malformed', reason, status } : { kind: 'malformed', reason, status, request };
}

function parseStartLine(line: string): SipMessage | Malformed {
  const status = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/i.exec(line);
  if (status) return new SipResponse({ status: Number(status[1]), reason: status[2] ?? '', headers: new HeaderList() });
  const request = /^(\S+) (\S+) SIP\/(\d+\.\d+)$/i.exec(line);
  const [, method = '', uri = '', version = ''] = request ?? [];
  if (!request || !TOKEN.test(method)) return malformed('start line');
  return new SipRequest({ method, uri, headers: new HeaderList(), version });
}

function parseHeaders(lines: readonly string[], headers: HeaderList): Problem | undefined {
  let fault: Problem | undefined;
  for (const line of unfold(lines)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trimEnd();
    const value = line.slice(colon + 1).trim();
    if (headers.size >= LIMITS.headerFields) return problem('too many header fields');
    if (!TOKEN.test(name)) fault ??= problem('header field name');
    else if (line.length > LIMITS.headerBytes || /[\r\n\0]/.test(value)) fault ??= problem(`value of ${name}`);
    else headers.append(name, value);
  }
  return fault;
}

/** RFC 3261 7.3.1: a line that begins with white space goes on with the one before. */
function unfold(lines: readonly string[]): string[] {
  const unfolded: string[] = [];
  for (const line of lines.slice(1)) {
    const last = unfolded.length - 1;
    if (/^[ \t]/.test(line) && last >= 0) unfolded[last] = `${unfolded[last] ?? ''} ${line.trim()}`;
    else unfolded.push(line);
  }
  return unfolded;
}

function readBody(message: SipMessage, rest: Buffer): Problem | undefined {
  const field = message.headers.get('Content-Length');
  // Over UDP the datagram's end is the body's (RFC 3261 18.3); what the length leaves over is thrown away.
  const length = field === undefined ? rest.length : /^\d{1,9}$/.test(field) ? Number(field) : undefined;
  if (length === undefined || length > rest.length) return problem('Content-Length');
  message.body = rest.toString('utf8', 0, length);
  return undefined;
}

function findFault(message: SipMessage): Problem | undefined {
  const { headers } = message;
  for (const name of SINGLE) if (headers.getAll(name).length > 1) return problem(`${name} more than once`);
  if (message.topVia === undefined) return problem('Via');
  if (message.from === undefined) return problem('From');
  if (message.to === undefined) return problem('To');
  if (message.callId === '') return problem('Call-ID');
  const { seq, method } = message.cseq;
  if (method === '' || seq >= 2 ** 31) return problem('CSeq');
  return message.kind === 'request' ? findRequestFault(message) : undefined;
}

function findRequestFault(request: SipRequest): Problem | undefined {
  if (request.version !== '2.0') return problem('version', 505);
  if (request.cseq.method !== request.method) return problem('CSeq names another method');
  if (/^(sips?|tel):/i.test(request.uri) && parseUri(request.uri) === undefined) return problem('Request-URI');
  if (!/^[a-z][\w+.-]*:\S+$/i.test(request.uri)) return problem('Request-URI');
  return undefined;
}

/** A response needs these five copied (RFC 3261 8.2.6.2), and a Via that says where it goes. */
function answerable(request: SipRequest): boolean {
  return request.topVia !== undefined && ['From', 'To', 'Call-ID', 'CSeq'].every((name) => request.headers.has(name));
}
