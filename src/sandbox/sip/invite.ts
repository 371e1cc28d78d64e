import { EventEmitter } from 'node:events';
import type { HeaderInit } from './headers.js';
import type { SipRequest, SipResponse } from './message.js';
import type { Dialog } from './dialog.js';
import type { ResponseOptions } from './transactions.js';
import type { Arrival, Hop } from './transport.js';

/** An INVITE that came in, until it is answered or refused. */
export interface IncomingInvite extends EventEmitter<{
  /** The caller gave up; 487 is already sent. */
  cancelled: [SipRequest];
}> {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly localTag: string;
  /** 1xx; with a To-tag from 101 on. */
  progress(status: number, options?: ResponseOptions): SipResponse;
  /** 200 with the SDP; the returned dialog tells of ACK, ACK timeout and every further request. */
  answer(sdp: string, options?: ResponseOptions): Dialog;
  /** 3xx-6xx. No-op once a final response is out. */
  reject(status: number, options?: ResponseOptions): void;
}

export interface InviteOptions {
  /** Request-URI: `sip:+74951234567@127.0.0.1:5060;transport=tcp` */
  uri: string;
  /** From as a name-addr without tag; default our own address. */
  from?: string;
  /** To as a name-addr; default the Request-URI. */
  to?: string;
  /** User part of our Contact. */
  contactUser?: string;
  callId?: string;
  headers?: HeaderInit;
  /** The SDP offer; absent or '' = late offer, then `ack()` carries the answer. */
  body?: string;
  contentType?: string;
  /** Goes here instead of where the Request-URI points to. */
  outbound?: Hop;
  /** Default true: a 2xx is acknowledged at once. Late offers want false, and `dialog.ack(response, {body})`. */
  autoAck?: boolean;
  /** Answers one 401/407. */
  credentials?: { username: string; password: string };
}

/** An INVITE that we send. A 2xx that comes after `cancel()`, or from a second fork, is acknowledged and hung up by itself. */
export interface OutgoingInvite extends EventEmitter<{
  /** The INVITE as sent; again after an authentication challenge. */
  sent: [SipRequest];
  provisional: [SipResponse];
  answered: [SipResponse, Dialog];
  /** Final 3xx-6xx; local 408 and 503 included. */
  failed: [SipResponse];
}> {
  readonly request: SipRequest;
  cancel(headers?: HeaderInit): void;
}
