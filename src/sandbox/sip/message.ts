import type { HeaderInit } from './headers.js';
import { HeaderList } from './headers.js';
import type { NameAddr } from './uri.js';
import { parseNameAddr } from './uri.js';
import type { Via } from './via.js';
import { parseVia } from './via.js';

export interface CSeq {
  seq: number;
  method: string;
}

abstract class MessageBase {
  protected constructor(
    readonly headers: HeaderList,
    public body: string,
  ) {}

  /** The first line without its CRLF. */
  abstract get startLine(): string;

  get callId(): string {
    return this.headers.get('Call-ID') ?? '';
  }

  /** `{seq: 0, method: ''}` when there is none that can be read. */
  get cseq(): CSeq {
    const match = /^(\d{1,10})\s+(\S+)$/.exec(this.headers.get('CSeq') ?? '');
    return match ? { seq: Number(match[1]), method: match[2] ?? '' } : { seq: 0, method: '' };
  }

  get from(): NameAddr | undefined {
    return parseNameAddr(this.headers.get('From') ?? '');
  }

  get to(): NameAddr | undefined {
    return parseNameAddr(this.headers.get('To') ?? '');
  }

  get fromTag(): string | undefined {
    return this.from?.params.get('tag');
  }

  get toTag(): string | undefined {
    return this.to?.params.get('tag');
  }

  get contact(): NameAddr | undefined {
    const [first] = this.headers.values('Contact');
    return first === undefined ? undefined : parseNameAddr(first);
  }

  get topVia(): Via | undefined {
    const [first] = this.headers.values('Via');
    return first === undefined ? undefined : parseVia(first);
  }

  /** As it goes on the wire. Content-Length is always ours, counted in bytes of UTF-8, and stands last. */
  toString(): string {
    let text = `${this.startLine}\r\n`;
    for (const { name, value } of this.headers) {
      if (!/^(content-length|l)$/i.test(name)) text += `${name}: ${value}\r\n`;
    }
    return `${text}Content-Length: ${Buffer.byteLength(this.body)}\r\n\r\n${this.body}`;
  }

  toBuffer(): Buffer {
    return Buffer.from(this.toString(), 'utf8');
  }
}

export interface RequestInit {
  method: string;
  uri: string;
  headers?: HeaderList | HeaderInit;
  body?: string;
  /** Only of a received request that speaks another version. */
  version?: string;
}

export class SipRequest extends MessageBase {
  readonly kind = 'request';
  readonly method: string;
  readonly version: string;
  uri: string;

  constructor(init: RequestInit) {
    super(toHeaderList(init.headers), init.body ?? '');
    this.method = init.method;
    this.uri = init.uri;
    this.version = init.version ?? '2.0';
  }

  override get startLine(): string {
    return `${this.method} ${this.uri} SIP/2.0`;
  }

  clone(): SipRequest {
    return new SipRequest({ method: this.method, uri: this.uri, headers: this.headers.clone(), body: this.body });
  }
}

export interface ResponseInit {
  status: number;
  reason?: string;
  headers?: HeaderList | HeaderInit;
  body?: string;
  local?: boolean;
}

export class SipResponse extends MessageBase {
  readonly kind = 'response';
  readonly status: number;
  readonly reason: string;
  /** Made by our own stack (408 for a timeout, 503 for a dead transport), never seen on the wire. */
  readonly local: boolean;

  constructor(init: ResponseInit) {
    super(toHeaderList(init.headers), init.body ?? '');
    this.status = init.status;
    this.reason = init.reason ?? reasonPhrase(init.status);
    this.local = init.local ?? false;
  }

  override get startLine(): string {
    return `SIP/2.0 ${this.status} ${this.reason}`;
  }
}

export type SipMessage = SipRequest | SipResponse;

function toHeaderList(headers: HeaderList | HeaderInit | undefined): HeaderList {
  return headers instanceof HeaderList ? headers : new HeaderList().merge(headers);
}

const REASONS: Readonly<Record<number, string>> = {
  100: 'Trying',
  180: 'Ringing',
  181: 'Call Is Being Forwarded',
  182: 'Queued',
  183: 'Session Progress',
  199: 'Early Dialog Terminated',
  200: 'OK',
  202: 'Accepted',
  204: 'No Notification',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Moved Temporarily',
  305: 'Use Proxy',
  380: 'Alternative Service',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  410: 'Gone',
  412: 'Conditional Request Failed',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  421: 'Extension Required',
  422: 'Session Interval Too Small',
  423: 'Interval Too Brief',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  484: 'Address Incomplete',
  485: 'Ambiguous',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  489: 'Bad Event',
  491: 'Request Pending',
  493: 'Undecipherable',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Server Time-out',
  505: 'Version Not Supported',
  513: 'Message Too Large',
  600: 'Busy Everywhere',
  603: 'Decline',
  604: 'Does Not Exist Anywhere',
  606: 'Not Acceptable',
  607: 'Unwanted',
  608: 'Rejected',
};

/** RFC 3261 21's phrase, or the class's own name for a status that is in no list. */
function reasonPhrase(status: number): string {
  return (
    REASONS[status] ??
    ['', 'Progress', 'OK', 'Moved', 'Client Error', 'Server Error', 'Global Failure'][Math.trunc(status / 100)] ??
    'Unknown'
  );
}
