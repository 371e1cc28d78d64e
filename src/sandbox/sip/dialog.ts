import { EventEmitter } from 'node:events';
import type { ClientTransaction } from './client-transaction.js';
import type { HeaderInit } from './headers.js';
import { SipRequest } from './message.js';
import type { SipResponse } from './message.js';
import { PendingAnswers } from './pending-answers.js';
import type { ServerTransaction } from './server-transaction.js';
import type { SipTimers } from './timers.js';
import type { ResponseOptions } from './transactions.js';
import type { Arrival, Hop } from './hop.js';
import { parseNameAddr, parseUri } from './uri.js';

export interface InDialogOptions {
  headers?: HeaderInit;
  body?: string;
  /** Default `application/sdp` when there is a body. */
  contentType?: string;
  /** Another Request-URI than the other side's Contact. */
  uri?: string;
}

export type DialogState = 'early' | 'confirmed' | 'terminated';

/** What a dialog needs of its stack. */
export interface DialogHost {
  readonly timers: SipTimers;
  readonly refusesGlare: boolean;
  readonly followsContact: boolean;
  /** Puts Via on and sends; no answer is awaited for an ACK. */
  transmit(request: SipRequest, hop: Hop): ClientTransaction;
  transmitAck(request: SipRequest, hop: Hop): void;
  retransmitAck(request: SipRequest, hop: Hop): void;
  resolve(uri: string): Hop;
  register(dialog: Dialog): void;
  unregister(dialog: Dialog): void;
}

interface DialogInit {
  callId: string;
  localTag: string;
  remoteTag: string;
  /** From and To as header values, tags included. */
  local: string;
  remote: string;
  localSeq: number;
  remoteSeq: number | undefined;
  remoteTarget: string;
  routeSet: readonly string[];
  /** Our Contact header value. */
  contact: string;
}

/** Contact belongs to requests that refresh the target (12.2.1.1) or make a dialog of their own. */
const WITH_CONTACT = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'REFER', 'NOTIFY']);
const REFRESHES_TARGET = new Set(['INVITE', 'UPDATE']);
/** The dialog's own; whoever sends within it may not change them. */
const IDENTITY = /^(via|v|from|f|to|t|call-id|i|cseq|route|record-route|content-length|l|max-forwards)$/i;

/** RFC 3261 12, one side of it. Ends by `terminate()`, by a BYE either way, or when an ACK never comes. */
export class Dialog extends EventEmitter<{
  /** Any request but ACK, BYE included, sequence already checked: the listener answers. */
  request: [ServerTransaction];
  /** ACK of a 2xx of ours, to the first INVITE or to a re-INVITE. */
  ack: [SipRequest, Arrival];
  /** No ACK within 64*T1 after our 2xx (RFC 3261 13.3.1.4): the owner sends BYE. */
  ackTimeout: [];
  ended: [];
}> {
  /** Where requests go whatever Contact says: for peers behind NAT. */
  hopOverride: Hop | undefined;
  /** The last request of ours was an INVITE that has no final response yet. */
  localInvite: ClientTransaction | undefined;
  /** Our Contact header value, put on target refresh requests and 2xx. */
  contact: string;
  readonly #host: DialogHost;
  readonly #answers: PendingAnswers;
  readonly #acks = new Map<number, { ack: SipRequest; hop: Hop }>();
  readonly #incoming = new Set<ServerTransaction>();
  readonly #init: DialogInit;
  #state: DialogState;
  #localSeq: number;
  #remoteSeq: number | undefined;
  #remoteTarget: string;
  #routeSet: readonly string[];

  private constructor(host: DialogHost, init: DialogInit, state: DialogState) {
    super();
    this.#host = host;
    this.#init = init;
    this.#state = state;
    this.#localSeq = init.localSeq;
    this.#remoteSeq = init.remoteSeq;
    this.#remoteTarget = init.remoteTarget;
    this.#routeSet = init.routeSet;
    this.contact = init.contact;
    this.#answers = new PendingAnswers(host.timers, () => {
      if (this.#state !== 'terminated') this.emit('ackTimeout');
    });
    host.register(this);
  }

  /** 12.1.1: from the request that we answer. `to` is the response's To, our tag included. */
  static asUas(host: DialogHost, request: SipRequest, localTag: string, contact: string): Dialog {
    const local = request.headers.get('To') ?? '';
    const init: DialogInit = {
      callId: request.callId,
      localTag,
      remoteTag: request.fromTag ?? '',
      local: request.toTag === undefined ? `${bracketed(local)};tag=${localTag}` : local,
      remote: request.headers.get('From') ?? '',
      localSeq: 0,
      remoteSeq: request.cseq.seq,
      remoteTarget: request.contact?.uri ?? request.from?.uri ?? '',
      routeSet: request.headers.values('Record-Route'),
      contact,
    };
    return new Dialog(host, init, 'early');
  }

  /** 12.1.2: from our request and a response with a To-tag. */
  static asUac(host: DialogHost, request: SipRequest, response: SipResponse, state: DialogState = 'early'): Dialog {
    const init: DialogInit = {
      callId: request.callId,
      localTag: request.fromTag ?? '',
      remoteTag: response.toTag ?? '',
      local: request.headers.get('From') ?? '',
      remote: response.headers.get('To') ?? '',
      localSeq: request.cseq.seq,
      remoteSeq: undefined,
      remoteTarget: response.contact?.uri ?? request.uri,
      routeSet: response.headers.values('Record-Route').reverse(),
      contact: request.headers.values('Contact')[0] ?? '',
    };
    return new Dialog(host, init, state);
  }

  get callId(): string {
    return this.#init.callId;
  }

  get localTag(): string {
    return this.#init.localTag;
  }

  get remoteTag(): string {
    return this.#init.remoteTag;
  }

  get state(): DialogState {
    return this.#state;
  }

  /** The other side's Contact URI. */
  get remoteTarget(): string {
    return this.#remoteTarget;
  }

  get routeSet(): readonly string[] {
    return this.#routeSet;
  }

  /** Our 2xx waits for its ACK. */
  get awaitsAck(): boolean {
    return this.#answers.pending;
  }

  /** UAC: the 2xx has come; it says the route and the target for good (13.2.2.4). */
  confirm(response: SipResponse): void {
    if (this.#state !== 'early') return;
    this.#state = 'confirmed';
    this.#routeSet = response.headers.values('Record-Route').reverse();
    this.#remoteTarget = response.contact?.uri ?? this.#remoteTarget;
  }

  /** Sends a request within the dialog. The final response to a BYE ends it. */
  request(method: string, options: InDialogOptions = {}): ClientTransaction {
    this.#localSeq += 1;
    const request = this.#build(method, this.#localSeq, options);
    if (WITH_CONTACT.has(method) && !request.headers.has('Contact')) request.headers.append('Contact', this.contact);
    const transaction = this.#host.transmit(request, this.#hopFor(request));
    if (method === 'INVITE') this.attachInvite(transaction);
    transaction.on('response', (response) => this.#onResponse(method, response));
    return transaction;
  }

  /** Watches an INVITE of ours: the ACK is repeated whenever its 2xx is (13.2.2.4). */
  attachInvite(transaction: ClientTransaction): void {
    this.localInvite = transaction;
    transaction.on('response', (response) => {
      if (response.status >= 200) this.localInvite = undefined;
      if (response.status >= 300 || response.status < 200 || response.toTag !== this.remoteTag) return;
      this.repeatAck(response.cseq.seq);
    });
  }

  /** The ACK of the INVITE with this CSeq once more, if it was sent. */
  repeatAck(seq: number): void {
    const sent = this.#acks.get(seq);
    if (sent) this.#host.retransmitAck(sent.ack, sent.hop);
  }

  /** Answers an INVITE of this dialog 2xx and repeats the answer until the ACK is there. */
  accept(
    transaction: ServerTransaction,
    options: ResponseOptions & { status?: number; repeats?: boolean } = {},
  ): SipResponse {
    const headers: HeaderInit = { Contact: this.contact, ...withoutUndefined(options.headers) };
    const response = transaction.respond(options.status ?? 200, { ...options, headers, toTag: this.localTag });
    if (this.#state === 'early') this.#state = 'confirmed';
    this.#answers.add(transaction, response, options.repeats);
    return response;
  }

  /** Acknowledges a 2xx; repeated by itself on every retransmission of that 2xx. */
  ack(response: SipResponse, options: InDialogOptions = {}): SipRequest {
    const { seq } = response.cseq;
    const ack = this.#build('ACK', seq, options);
    const hop = this.#hopFor(ack);
    this.#acks.set(seq, { ack, hop });
    this.#host.transmitAck(ack, hop);
    return ack;
  }

  /** From the stack: a request whose tags are ours. */
  onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (this.#state === 'terminated') transaction.respond(481);
    else if (this.#remoteSeq !== undefined && request.cseq.seq < this.#remoteSeq) transaction.respond(500);
    else if (!this.#refuseOverlap(transaction)) this.#deliver(transaction);
  }

  onAck(ack: SipRequest, arrival: Arrival): void {
    if (this.#answers.acknowledge(ack.cseq.seq)) this.emit('ack', ack, arrival);
  }

  /** Forgets everything at once; nothing is sent. */
  terminate(): void {
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    this.#answers.clear();
    this.#host.unregister(this);
    this.emit('ended');
  }

  /** 14.2: two INVITEs at a time would leave both sides with different ideas of the session. */
  #refuseOverlap(transaction: ServerTransaction): boolean {
    if (!transaction.isInvite || !this.#host.refusesGlare) return false;
    const overlapping = [...this.#incoming].some((other) => other.isInvite && !other.isFinal);
    if (overlapping) transaction.respond(500, { headers: { 'Retry-After': String(Math.floor(Math.random() * 10)) } });
    else if (this.localInvite) transaction.respond(491);
    return overlapping || this.localInvite !== undefined;
  }

  #deliver(transaction: ServerTransaction): void {
    const { request } = transaction;
    this.#remoteSeq = request.cseq.seq;
    transaction.localTag = this.localTag;
    this.#incoming.add(transaction);
    transaction.once('final', (response) => {
      this.#incoming.delete(transaction);
      if (response.status < 300) this.#refreshTarget(request);
    });
    if (request.method === 'BYE') this.#onBye(transaction);
    else if (!this.emit('request', transaction)) transaction.respond(405);
  }

  /** 15.1.2: what is still open gets 487; the dialog is over whatever the owner answers. */
  #onBye(bye: ServerTransaction): void {
    for (const open of this.#incoming) if (open !== bye) open.respond(487);
    if (!this.emit('request', bye)) bye.respond(200);
    this.terminate();
  }

  #onResponse(method: string, response: SipResponse): void {
    if (response.status < 200) return;
    if (REFRESHES_TARGET.has(method) && response.status < 300) this.#refreshTarget(response);
    const challenged = response.status === 401 || response.status === 407;
    if (method === 'BYE' && !challenged) this.terminate();
  }

  #refreshTarget(message: SipRequest | SipResponse): void {
    if (!this.#host.followsContact) return;
    if (REFRESHES_TARGET.has(message.cseq.method) && message.contact) this.#remoteTarget = message.contact.uri;
  }

  #build(method: string, seq: number, options: InDialogOptions): SipRequest {
    const { uri, routes } = this.#route(options.uri ?? this.#remoteTarget);
    const request = new SipRequest({ method, uri, body: options.body ?? '' });
    const { headers } = request;
    headers.append('Max-Forwards', '70');
    for (const route of routes) headers.append('Route', route);
    headers.append('From', this.#init.local).append('To', this.#init.remote);
    headers.append('Call-ID', this.callId).append('CSeq', `${seq} ${method}`);
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value !== undefined && !IDENTITY.test(name)) headers.set(name, value);
    }
    if (request.body !== '' && !headers.has('Content-Type')) {
      headers.append('Content-Type', options.contentType ?? 'application/sdp');
    }
    return request;
  }

  /** 12.2.1.1: loose routers get the target in the Request-URI, a strict one (no `lr`) wants itself there. */
  #route(target: string): { uri: string; routes: readonly string[] } {
    const [first, ...rest] = this.#routeSet;
    const firstUri = first === undefined ? undefined : parseNameAddr(first)?.uri;
    if (firstUri === undefined || parseUri(firstUri)?.params.has('lr') === true) {
      return { uri: target, routes: this.#routeSet };
    }
    return { uri: firstUri, routes: [...rest, `<${target}>`] };
  }

  #hopFor(request: SipRequest): Hop {
    if (this.hopOverride) return this.hopOverride;
    const [route] = request.headers.values('Route');
    const routeUri = route === undefined ? undefined : parseNameAddr(route)?.uri;
    const loose = routeUri !== undefined && parseUri(routeUri)?.params.has('lr') === true;
    return this.#host.resolve(loose ? routeUri : request.uri);
  }
}

/** A bare URI would take a tag for a parameter of its own. */
const bracketed = (value: string): string => (value.includes('<') ? value : value.replace(/^[^;]+/, '<$&>'));

function withoutUndefined(headers: HeaderInit | undefined): HeaderInit {
  return Object.fromEntries(
    Object.entries(headers ?? {})
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [/^(contact|m)$/i.test(name) ? 'Contact' : name, value]),
  );
}
