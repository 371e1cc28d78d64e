import { EventEmitter } from 'node:events';
import type { HeaderInit } from './headers.js';
import type { SipRequest, SipResponse } from './message.js';
import type { ClientTransaction, ResponseOptions, ServerTransaction } from './transactions.js';

export interface InDialogOptions {
  headers?: HeaderInit;
  body?: string;
  /** Default `application/sdp` when there is a body. */
  contentType?: string;
}

export type DialogState = 'early' | 'confirmed' | 'terminated';

/** RFC 3261 12, one side of it. Ends by `terminate()`, by a BYE either way, or when an ACK never comes. */
export interface Dialog extends EventEmitter<{
  /** Any request but ACK, BYE included, sequence already checked: the listener answers. */
  request: [ServerTransaction];
  /** ACK of a 2xx of ours, to the first INVITE or to a re-INVITE. */
  ack: [SipRequest];
  /** No ACK within 64*T1 after our 2xx (RFC 3261 13.3.1.4): the owner sends BYE. */
  ackTimeout: [];
  ended: [];
}> {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly state: DialogState;
  /** The other side's Contact URI. */
  readonly remoteTarget: string;
  /** Sends a request within the dialog. A BYE ends the dialog at once for requests of the other side. */
  request(method: string, options?: InDialogOptions): ClientTransaction;
  /** Answers an INVITE of this dialog 2xx and repeats the answer until the ACK is there. */
  accept(transaction: ServerTransaction, options?: ResponseOptions & { status?: number }): SipResponse;
  /** Acknowledges a 2xx; repeated by itself on every retransmission of that 2xx. */
  ack(response: SipResponse, options?: InDialogOptions): SipRequest;
  terminate(): void;
}
