import { EventEmitter } from 'node:events';
import type { HeaderInit } from './headers.js';
import type { SipRequest, SipResponse } from './message.js';
import type { Arrival, Hop } from './transport.js';

export interface ResponseOptions {
  reason?: string;
  headers?: HeaderInit;
  body?: string;
  /** Default `application/sdp` when there is a body. */
  contentType?: string;
  /** To-tag of a response that makes or stands in a dialog; a random one is put on others. */
  toTag?: string;
}

export type TransactionState =
  'calling' | 'trying' | 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

/** RFC 3261 17.2. One received request and its responses; retransmissions are absorbed. */
export interface ServerTransaction extends EventEmitter<{
  /** CANCEL for this INVITE; the stack has already answered it 200. With no final response yet, answer 487. */
  cancel: [SipRequest];
  /** ACK to a non-2xx final response. */
  ack: [SipRequest];
  terminated: [];
}> {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly state: TransactionState;
  /** Builds a response to the request and sends it. */
  respond(status: number, options?: ResponseOptions): SipResponse;
  /** Sends a response that is built already. */
  send(response: SipResponse): void;
}

/** RFC 3261 17.1. One sent request and what comes back. */
export interface ClientTransaction extends EventEmitter<{
  /**
   * Every response, provisional and final; for an INVITE also each retransmitted 2xx (RFC 6026 7.2). A timeout comes as
   * a local 408, a dead transport as a local 503, so exactly one final response always arrives.
   */
  response: [SipResponse, Arrival | undefined];
  terminated: [];
}> {
  readonly request: SipRequest;
  readonly hop: Hop;
  readonly state: TransactionState;
  /** INVITE only: CANCEL as soon as a provisional response is there (RFC 3261 9.1). */
  cancel(headers?: HeaderInit): void;
}
