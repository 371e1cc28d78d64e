import { EventEmitter } from 'node:events';
import type { SipRequest, SipResponse } from './message.js';
import { transactionTimeoutMs } from './timers.js';
import type { ResponseOptions, TransactionContext, TransactionState } from './transactions.js';
import { buildResponse, newTag, responseHop } from './transactions.js';
import type { Arrival } from './hop.js';

/** RFC 3261 17.2. One received request and its responses; retransmissions are absorbed. */
export class ServerTransaction extends EventEmitter<{
  /** CANCEL for this INVITE; the stack has already answered it 200. With no final response yet, answer 487. */
  cancel: [SipRequest];
  /** ACK to a non-2xx final response. */
  ack: [SipRequest];
  /** Our final response as it left, once. */
  final: [SipResponse];
  terminated: [];
}> {
  /** Used as To-tag of every response unless the responder gives one. */
  localTag = newTag();
  readonly #context: TransactionContext;
  #state: TransactionState;
  #last: SipResponse | undefined;
  #lastData: Buffer | undefined;
  #retransmit: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;

  constructor(
    context: TransactionContext,
    readonly key: string,
    readonly request: SipRequest,
    readonly arrival: Arrival,
  ) {
    super();
    this.#context = context;
    this.#state = this.isInvite ? 'proceeding' : 'trying';
    // 17.2.1: at once, so that the other side stops repeating however long the application takes.
    if (this.isInvite) this.respond(100);
  }

  get state(): TransactionState {
    return this.#state;
  }

  get isInvite(): boolean {
    return this.request.method === 'INVITE';
  }

  /** Whether a final response is out, or can no longer be sent. */
  get isFinal(): boolean {
    return this.#state !== 'trying' && this.#state !== 'proceeding';
  }

  get lastResponse(): SipResponse | undefined {
    return this.#last;
  }

  /** Builds a response to the request and sends it. */
  respond(status: number, options: ResponseOptions = {}): SipResponse {
    const response = buildResponse(this.request, status, options, this.localTag);
    if (this.#context.userAgent !== undefined && status > 100 && !response.headers.has('Server')) {
      response.headers.append('Server', this.#context.userAgent);
    }
    this.send(response);
    return response;
  }

  /** Sends a response that is built already. After a final one only the same 2xx may be repeated. */
  send(response: SipResponse): void {
    if (this.#state === 'accepted') {
      if (response === this.#last) this.#repeat();
      return;
    }
    if (this.isFinal) return;
    this.#last = response;
    this.#lastData = response.toBuffer();
    this.#repeat();
    if (response.status < 200) {
      this.#state = 'proceeding';
      return;
    }
    if (!this.isInvite)
      this.#complete(this.#unreliable ? transactionTimeoutMs(this.#context.timers) : 0); // timer J
    else if (response.status < 300) this.#accept();
    else this.#awaitAck();
    this.emit('final', response);
  }

  /** The same request once more: our last answer once more (17.2.1, 17.2.2). In Accepted the UAS core repeats it. */
  onRetransmission(): void {
    if (this.#state !== 'accepted' && this.#state !== 'confirmed') this.#repeat();
  }

  onAck(ack: SipRequest): void {
    if (this.#state !== 'completed') return;
    this.#state = 'confirmed';
    clearTimeout(this.#retransmit);
    this.#endAfter(this.#unreliable ? this.#context.timers.t4Ms : 0); // timer I
    this.emit('ack', ack);
  }

  /** Nothing more is sent; no event but `terminated`. */
  terminate(): void {
    clearTimeout(this.#retransmit);
    clearTimeout(this.#end);
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    this.emit('terminated');
  }

  get #unreliable(): boolean {
    return this.arrival.protocol === 'udp';
  }

  #accept(): void {
    this.#state = 'accepted';
    this.#endAfter(transactionTimeoutMs(this.#context.timers)); // timer L, RFC 6026 7.1
  }

  #awaitAck(): void {
    this.#complete(transactionTimeoutMs(this.#context.timers)); // timer H
    if (this.#unreliable) this.#scheduleRepeat(this.#context.timers.t1Ms);
  }

  #complete(lingerMs: number): void {
    this.#state = 'completed';
    this.#endAfter(lingerMs);
  }

  /** Timer G: T1, doubling up to T2. */
  #scheduleRepeat(delayMs: number): void {
    this.#retransmit = setTimeout(() => {
      this.#repeat();
      this.#scheduleRepeat(Math.min(delayMs * 2, this.#context.timers.t2Ms));
    }, delayMs);
  }

  #endAfter(delayMs: number): void {
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.terminate(), delayMs);
  }

  #repeat(): void {
    if (!this.#lastData) return;
    this.#context.transport.sendBack(this.#lastData, this.arrival, responseHop(this.request, this.arrival));
  }
}
