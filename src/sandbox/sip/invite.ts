import { EventEmitter } from 'node:events';
import type { ClientTransaction } from './client-transaction.js';
import { localResponse } from './client-transaction.js';
import type { DialogHost } from './dialog.js';
import { Dialog } from './dialog.js';
import type { DigestCredentials } from '../../lib/digest.js';
import { authorize } from './digest.js';
import type { HeaderInit } from './headers.js';
import type { SipRequest, SipResponse } from './message.js';
import type { ServerTransaction } from './server-transaction.js';
import type { ResponseOptions } from './transactions.js';
import type { Arrival, Hop } from './hop.js';

/** An INVITE that came in, until it is answered or refused. */
export class IncomingInvite extends EventEmitter<{
  /** The caller gave up; 487 is already sent. */
  cancelled: [SipRequest];
}> {
  readonly #host: DialogHost;
  #dialog: Dialog | undefined;

  constructor(
    host: DialogHost,
    readonly transaction: ServerTransaction,
    readonly contact: string,
  ) {
    super();
    this.#host = host;
    transaction.once('cancel', (cancel) => {
      if (transaction.isFinal) return;
      transaction.respond(487);
      this.#dialog?.terminate();
      this.emit('cancelled', cancel);
    });
  }

  get request(): SipRequest {
    return this.transaction.request;
  }

  get arrival(): Arrival {
    return this.transaction.arrival;
  }

  get localTag(): string {
    return this.transaction.localTag;
  }

  /** To be chosen before the first response that carries it. */
  set localTag(tag: string) {
    if (!this.#dialog) this.transaction.localTag = tag;
  }

  /** A final response is out: answered, refused or cancelled. */
  get isFinal(): boolean {
    return this.transaction.isFinal;
  }

  /** From the first tagged response on. */
  get dialog(): Dialog | undefined {
    return this.#dialog;
  }

  /** 1xx; with a To-tag from 101 on. */
  progress(status: number, options: ResponseOptions = {}): SipResponse {
    if (status > 100) this.ensureDialog();
    return this.transaction.respond(status, { ...options, headers: { Contact: this.contact, ...options.headers } });
  }

  /** 200 with the SDP; the returned dialog tells of ACK, ACK timeout and every further request. */
  answer(sdp: string, options: ResponseOptions & { status?: number } = {}): Dialog {
    const dialog = this.ensureDialog();
    dialog.accept(this.transaction, { ...options, body: sdp });
    return dialog;
  }

  /** 3xx-6xx. No-op once a final response is out. */
  reject(status: number, options: ResponseOptions = {}): SipResponse | undefined {
    if (this.isFinal) return undefined;
    const response = this.transaction.respond(status, options);
    this.#dialog?.terminate();
    return response;
  }

  /** The dialog that the next tagged response makes. */
  ensureDialog(): Dialog {
    this.#dialog ??= Dialog.asUas(this.#host, this.request, this.localTag, this.contact);
    return this.#dialog;
  }
}

export interface InviteOptions {
  /** Request-URI: `sip:+74951234567@127.0.0.1:5060;transport=tcp` */
  uri: string;
  /** From as a name-addr without tag; default our own address. */
  from?: string;
  /** User part of our Contact. */
  contactUser?: string;
  headers?: HeaderInit;
  /** The SDP offer; absent or '' = late offer, then `ack()` carries the answer. */
  body?: string;
  /** Default true: a 2xx is acknowledged at once. Late offers want false, and `dialog.ack(response, {body})`. */
  autoAck?: boolean;
  /** Answers one 401/407. */
  credentials?: DigestCredentials;
}

/** An INVITE that we send. A 2xx that comes after `cancel()`, or from a second fork, is acknowledged and hung up by itself. */
export class OutgoingInvite extends EventEmitter<{
  /** The INVITE as sent; again after an authentication challenge. */
  sent: [SipRequest];
  provisional: [SipResponse];
  answered: [SipResponse, Dialog];
  /** Final 3xx-6xx; local 408 and 503 included, and a local 487 when the answer came after our CANCEL. */
  failed: [SipResponse];
}> {
  readonly #host: DialogHost;
  readonly #hop: Hop;
  readonly #options: Pick<InviteOptions, 'autoAck' | 'credentials'>;
  readonly #dialogs = new Map<string, Dialog>();
  #transaction: ClientTransaction;
  #challenged = false;
  #finished = false;

  constructor(
    host: DialogHost,
    request: SipRequest,
    hop: Hop,
    options: Pick<InviteOptions, 'autoAck' | 'credentials'>,
  ) {
    super();
    this.#host = host;
    this.#hop = hop;
    this.#options = options;
    this.#transaction = this.#send(request);
  }

  /** The INVITE as sent last. */
  get request(): SipRequest {
    return this.#transaction.request;
  }

  cancel(headers?: HeaderInit): void {
    this.#transaction.cancel(headers);
  }

  #send(request: SipRequest): ClientTransaction {
    const transaction = this.#host.transmit(request, this.#hop);
    transaction.on('response', (response) => this.#onResponse(response));
    transaction.once('terminated', () => {
      if (this.#finished) this.#endEarly();
    });
    queueMicrotask(() => this.emit('sent', transaction.request));
    return transaction;
  }

  #onResponse(response: SipResponse): void {
    if (response.status < 200) {
      if (response.status > 100 && response.toTag !== undefined) this.#dialogFor(response);
      this.emit('provisional', response);
    } else if (response.status < 300) {
      this.#onSuccess(response);
    } else if (!this.#answerChallenge(response)) {
      this.#fail(response);
    }
  }

  #onSuccess(response: SipResponse): void {
    const dialog = this.#dialogFor(response);
    // A repeated 2xx: the dialog repeats its ACK by itself.
    if (dialog.state !== 'early') return;
    dialog.confirm(response);
    const unwanted = this.#finished || this.#transaction.isCancelled;
    if (unwanted || this.#options.autoAck !== false) dialog.ack(response);
    if (unwanted) dialog.request('BYE');
    if (this.#finished) return;
    if (unwanted) {
      this.#fail(localResponse(this.request, 487));
      return;
    }
    this.#finished = true;
    this.emit('answered', response, dialog);
  }

  #fail(response: SipResponse): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#endEarly();
    this.emit('failed', response);
  }

  /** Forks that rang and did not answer. */
  #endEarly(): void {
    for (const dialog of this.#dialogs.values()) if (dialog.state === 'early') dialog.terminate();
  }

  #dialogFor(response: SipResponse): Dialog {
    const tag = response.toTag ?? '';
    const known = this.#dialogs.get(tag);
    if (known) return known;
    const early = Dialog.asUac(this.#host, this.request, response, 'early');
    early.attachInvite(this.#transaction);
    this.#dialogs.set(tag, early);
    return early;
  }

  /** 22.2: the same request with a higher CSeq and our credentials, once. */
  #answerChallenge(response: SipResponse): boolean {
    const { credentials } = this.#options;
    if (this.#challenged || !credentials || this.#transaction.isCancelled) return false;
    const retry = authorize(this.request, response, credentials);
    if (!retry) return false;
    this.#challenged = true;
    this.#transaction = this.#send(retry);
    return true;
  }
}
