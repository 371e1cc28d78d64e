import { EventEmitter } from 'node:events';
import type { HeaderInit } from './headers.js';
import { SipRequest, SipResponse } from './message.js';
import { transactionTimeoutMs } from './timers.js';
import type { TransactionContext, TransactionState } from './transactions.js';
import { newTag } from './transactions.js';
import type { Arrival, Hop } from './hop.js';

/** RFC 3261 17.1. One sent request and what comes back. */
export class ClientTransaction extends EventEmitter<{
  /**
   * Every response, provisional and final; for an INVITE also each retransmitted 2xx (RFC 6026 7.2). A timeout comes as
   * a local 408, a dead transport as a local 503, so exactly one final response always arrives.
   */
  response: [SipResponse, Arrival | undefined];
  /** The CANCEL as it left. */
  cancelSent: [SipRequest];
  /** A provisional response of an INVITE behind its 2xx. */
  overtaken: [];
  terminated: [];
}> {
  /** The local 408 came because nothing followed our CANCEL (9.1). */
  cancelTimedOut = false;
  readonly #context: TransactionContext;
  readonly #sendCancel: (cancel: SipRequest, hop: Hop) => void;
  readonly #data: Buffer;
  #state: TransactionState;
  #cancel: SipRequest | undefined;
  #cancelSent = false;
  #ack: Buffer | undefined;
  #retransmit: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;

  constructor(
    context: TransactionContext,
    readonly request: SipRequest,
    readonly hop: Hop,
    sendCancel: (cancel: SipRequest, hop: Hop) => void,
  ) {
    super();
    this.#context = context;
    this.#sendCancel = sendCancel;
    this.#data = request.toBuffer();
    this.#state = this.isInvite ? 'calling' : 'trying';
  }

  get state(): TransactionState {
    return this.#state;
  }

  get isInvite(): boolean {
    return this.request.method === 'INVITE';
  }

  get isCancelled(): boolean {
    return this.#cancel !== undefined;
  }

  start(): void {
    this.#send(this.#data);
    // Timers A, E. The RFC repeats after T1 first; Sofia-SIP, in drachtio-server and in FreeSWITCH, after twice that (seen).
    if (this.#unreliable) this.#scheduleRepeat(2 * this.#context.timers.t1Ms);
    this.#end = setTimeout(() => this.#finishLocally(408), transactionTimeoutMs(this.#context.timers)); // timers B, F
  }

  /**
   * INVITE only: CANCEL as soon as a provisional response is there (RFC 3261 9.1). Returns the CANCEL, sent or waiting;
   * undefined when a final response is already in.
   */
  cancel(headers?: HeaderInit): SipRequest | undefined {
    if (!this.isInvite || (this.#state !== 'calling' && this.#state !== 'proceeding')) return undefined;
    this.#cancel ??= cancelOf(this.request, headers);
    if (this.#state === 'proceeding') this.#dispatchCancel(this.#cancel);
    return this.#cancel;
  }

  onResponse(response: SipResponse, arrival: Arrival | undefined): void {
    if (this.#state === 'calling' || this.#state === 'trying' || this.#state === 'proceeding') {
      if (response.status < 200) this.#onProvisional(response, arrival);
      else this.#onFinal(response, arrival);
    } else if (this.#state === 'accepted' && isSuccess(response)) {
      this.emit('response', response, arrival);
    } else if (this.#state === 'accepted' && response.status > 100 && response.status < 200) {
      this.emit('overtaken');
    } else if (this.#state === 'completed' && this.#ack && response.status >= 300) {
      this.#send(this.#ack); // the other side has not got it yet
    }
  }

  /** ICMP port unreachable, TCP refused: nothing will come, unless something has come already. */
  onUnreachable(): void {
    if (this.#state === 'calling' || this.#state === 'trying') this.#finishLocally(503);
  }

  terminate(): void {
    this.#stopTimers();
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    this.emit('terminated');
  }

  get #unreliable(): boolean {
    return this.hop.protocol === 'udp';
  }

  #onProvisional(response: SipResponse, arrival: Arrival | undefined): void {
    if (this.isInvite && this.#state === 'calling') this.#stopTimers();
    this.#state = 'proceeding';
    if (this.#cancel) this.#dispatchCancel(this.#cancel);
    this.emit('response', response, arrival);
  }

  #onFinal(response: SipResponse, arrival: Arrival | undefined): void {
    this.#stopTimers();
    const { timers } = this.#context;
    if (!this.isInvite) {
      this.#enter('completed', this.#unreliable ? timers.t4Ms : 0); // timer K
    } else if (isSuccess(response)) {
      this.#enter('accepted', transactionTimeoutMs(timers)); // timer M
    } else {
      this.#ack = ackOf(this.request, response).toBuffer();
      this.#send(this.#ack);
      this.#enter('completed', this.#unreliable ? transactionTimeoutMs(timers) : 0); // timer D
    }
    this.emit('response', response, arrival);
  }

  #enter(state: TransactionState, lingerMs: number): void {
    this.#state = state;
    this.#end = setTimeout(() => this.terminate(), lingerMs);
  }

  #finishLocally(status: number): void {
    this.#stopTimers();
    this.#state = 'completed';
    this.emit('response', localResponse(this.request, status), undefined);
    this.terminate();
  }

  #dispatchCancel(cancel: SipRequest): void {
    if (this.#cancelSent) return;
    this.#cancelSent = true;
    this.#sendCancel(cancel, this.hop);
    this.emit('cancelSent', cancel);
    // 9.1: an INVITE whose CANCEL brings no final response is over after 64*T1.
    clearTimeout(this.#end);
    this.#end = setTimeout(() => {
      this.cancelTimedOut = true;
      this.#finishLocally(408);
    }, transactionTimeoutMs(this.#context.timers));
  }

  /** Timer A doubles without end, timer E up to T2, and in Proceeding a request is repeated every T2. */
  #scheduleRepeat(delayMs: number): void {
    const { t2Ms } = this.#context.timers;
    this.#retransmit = setTimeout(() => {
      this.#send(this.#data);
      if (this.isInvite) this.#scheduleRepeat(delayMs * 2);
      else this.#scheduleRepeat(this.#state === 'proceeding' ? t2Ms : Math.min(delayMs * 2, t2Ms));
    }, delayMs);
  }

  #stopTimers(): void {
    clearTimeout(this.#retransmit);
    clearTimeout(this.#end);
  }

  #send(data: Buffer): void {
    this.#context.transport.send(data, this.hop);
  }
}

const isSuccess = (response: SipResponse): boolean => response.status >= 200 && response.status < 300;

/** A final response that nobody sent, so that whoever waits for one gets it. */
export function localResponse(request: SipRequest, status: number): SipResponse {
  const response = new SipResponse({ status, local: true });
  for (const via of request.headers.getAll('Via')) response.headers.append('Via', via);
  for (const name of ['From', 'To', 'Call-ID', 'CSeq']) response.headers.append(name, request.headers.get(name) ?? '');
  if (request.toTag === undefined) response.headers.set('To', `${request.headers.get('To') ?? ''};tag=${newTag()}`);
  return response;
}

/** 9.1: the same first Via, Request-URI, From, To, Call-ID, number and route, so that it takes the same way. */
function cancelOf(invite: SipRequest, headers: HeaderInit | undefined): SipRequest {
  const cancel = sibling(invite, 'CANCEL');
  cancel.headers.append('To', invite.headers.get('To') ?? '');
  cancel.headers.merge(headers);
  return cancel;
}

/** 17.1.1.3: ACK for a non-2xx, part of the INVITE's transaction. */
function ackOf(invite: SipRequest, response: SipResponse): SipRequest {
  const ack = sibling(invite, 'ACK');
  ack.headers.append('To', response.headers.get('To') ?? '');
  return ack;
}

function sibling(invite: SipRequest, method: string): SipRequest {
  const request = new SipRequest({ method, uri: invite.uri });
  const { headers } = request;
  headers.append('Via', invite.headers.values('Via')[0] ?? '');
  headers.append('Max-Forwards', '70');
  for (const route of invite.headers.getAll('Route')) headers.append('Route', route);
  headers.append('From', invite.headers.get('From') ?? '');
  headers.append('Call-ID', invite.callId);
  headers.append('CSeq', `${invite.cseq.seq} ${method}`);
  return request;
}
