import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import type { ClientTransaction } from './client-transaction.js';
import type { Dialog, DialogHost } from './dialog.js';
import type { InviteOptions } from './invite.js';
import { IncomingInvite, OutgoingInvite } from './invite.js';
import { SipRequest } from './message.js';
import type { ServerTransaction } from './server-transaction.js';
import type { SipTimers } from './timers.js';
import { RFC_TIMERS } from './timers.js';
import { newTag } from './transactions.js';
import { TransactionLayer } from './transaction-layer.js';
import type { Arrival, Hop, Protocol } from './hop.js';
import type { TransportOptions } from './transport.js';
import { SipTransport } from './transport.js';
import { formatHostPort, formatNameAddr, parseNameAddr, parseUri, type SipUri } from './uri.js';

export interface StackOptions extends TransportOptions {
  timers?: SipTimers;
  /** Put on requests and responses as User-Agent / Server; default none. */
  userAgent?: string;
  /** Default true: overlapping re-INVITEs are answered 491 or 500 here (RFC 3261 14.2) and not told to the dialog's owner. */
  refusesGlare?: boolean;
  /** Default true: requests within a dialog go where the Contact of the last re-INVITE or UPDATE says (RFC 3261 12.2). */
  followsContact?: boolean;
}

/** Where nothing can be sent to: the request fails at once with a local 503, as an unknown host name does. */
const NOWHERE: Hop = { protocol: 'udp', address: '', port: 0 };
const PROTOCOLS: readonly Protocol[] = ['udp', 'tcp', 'tls'];
const KNOWN_METHODS = ['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'INFO', 'UPDATE', 'NOTIFY', 'MESSAGE', 'REFER'];
const ALLOW = KNOWN_METHODS.join(', ');

/** One SIP user agent's stack: transport, transactions, dialogs. */
export class SipStack extends EventEmitter<{
  /** A new INVITE outside a dialog. Without a listener it is answered 480. */
  invite: [IncomingInvite];
  /** Any other request outside a dialog. Without a listener OPTIONS is answered 200, others 405. */
  request: [ServerTransaction];
  /** CANCEL of an INVITE that already has its final response; without a listener it is answered 200 (9.2). */
  lateCancel: [ServerTransaction, ServerTransaction];
  /** A request with a To-tag that is none of our dialogs'; without a listener it is answered 481 (12.2.2). */
  orphan: [ServerTransaction];
  /** An ACK that belongs to nothing we know. */
  strayAck: [SipRequest, Arrival];
}> {
  readonly timers: SipTimers;
  readonly refusesGlare: boolean;
  readonly transactions: TransactionLayer;
  readonly #dialogs = new Map<string, Dialog>();
  readonly #host: DialogHost;

  private constructor(
    readonly transport: SipTransport,
    private readonly options: StackOptions,
  ) {
    super();
    this.timers = options.timers ?? RFC_TIMERS;
    this.refusesGlare = options.refusesGlare ?? true;
    this.transactions = new TransactionLayer({ transport, timers: this.timers, userAgent: options.userAgent });
    this.#host = this.#makeDialogHost();
    this.transactions.on('request', (transaction) => this.#onRequest(transaction));
    this.transactions.on('ack', (ack, arrival) => this.#onAck(ack, arrival));
    this.transactions.on('lateCancel', (invite, cancel) => {
      if (!this.emit('lateCancel', invite, cancel)) cancel.respond(200, { toTag: invite.localTag });
    });
  }

  static async listen(options: StackOptions): Promise<SipStack> {
    return new SipStack(await SipTransport.listen(options), options);
  }

  /** Address and port (UDP and TCP alike, TLS has one of its own) we are bound to. */
  get host(): string {
    return this.transport.host;
  }

  get port(): number {
    return this.transport.port;
  }

  /** For making dialogs by hand from transactions. */
  get dialogHost(): DialogHost {
    return this.#host;
  }

  /** Dialogs that are not over yet, early ones included. */
  get dialogCount(): number {
    return this.#dialogs.size;
  }

  /** Calls somebody. Listeners put on the returned object at once miss nothing. */
  invite(options: InviteOptions): OutgoingInvite {
    const hop = this.resolve(options.uri);
    const request = new SipRequest({ method: 'INVITE', uri: options.uri, body: options.body ?? '' });
    const { headers } = request;
    if (options.from !== undefined) headers.append('From', options.from);
    headers.append('Contact', this.contact(hop.protocol, options.contactUser));
    if (request.body !== '') headers.append('Content-Type', 'application/sdp');
    headers.merge(options.headers);
    if (!headers.has('Allow')) headers.append('Allow', ALLOW);
    this.complete(request);
    return new OutgoingInvite(this.#host, request, hop, options);
  }

  /** Sends any request outside a dialog; what it lacks of mandatory headers is added. */
  request(request: SipRequest, outbound?: Hop): ClientTransaction {
    this.complete(request);
    const [route] = request.headers.values('Route');
    const next = (route === undefined ? undefined : parseNameAddr(route)?.uri) ?? request.uri;
    return this.transactions.send(request, outbound ?? this.resolve(next));
  }

  /** Puts on what every request must have (RFC 3261 8.1.1) and this one has not. */
  complete(request: SipRequest): void {
    const { headers } = request;
    if (!headers.has('Max-Forwards')) headers.prepend('Max-Forwards', '70');
    const from = parseNameAddr(headers.get('From') ?? '') ?? {
      displayName: undefined,
      uri: this.#ownUri('udp'),
      params: new Map(),
    };
    if (!from.params.has('tag')) from.params.set('tag', newTag());
    headers.set('From', formatNameAddr(from));
    if (!headers.has('To')) headers.append('To', `<${request.uri}>`);
    if (!headers.has('Call-ID')) headers.append('Call-ID', randomUUID());
    if (!headers.has('CSeq')) headers.append('CSeq', `${1 + Math.floor(Math.random() * 65_535)} ${request.method}`);
    const { userAgent } = this.options;
    if (userAgent !== undefined && !headers.has('User-Agent')) headers.append('User-Agent', userAgent);
  }

  /** Our Contact as a header value. */
  contact(protocol: Protocol, user?: string): string {
    return `<${this.#ownUri(protocol, user)}>`;
  }

  /** Where a URI points to. Numeric addresses and `localhost` only: name servers have no place in a sandbox. */
  resolve(uri: string): Hop {
    const parsed = parseUri(uri);
    if (!parsed || parsed.scheme === 'tel') return NOWHERE;
    const transport = transportOf(parsed);
    const host = parsed.params.get('maddr') ?? parsed.host;
    const address = host.toLowerCase() === 'localhost' ? '127.0.0.1' : host;
    if (isIP(address) === 0 || transport === undefined || this.transport.portOf(transport) === undefined)
      return NOWHERE;
    return { protocol: transport, address, port: parsed.port ?? (transport === 'tls' ? 5061 : 5060) };
  }

  /** The dialog that a received request or response of ours belongs to. */
  findDialog(callId: string, localTag: string, remoteTag: string): Dialog | undefined {
    return this.#dialogs.get(dialogKey(callId, localTag, remoteTag));
  }

  /** Ends every transaction and dialog without a word on the wire and releases all sockets and timers. */
  async close(): Promise<void> {
    this.transactions.close();
    for (const dialog of [...this.#dialogs.values()]) dialog.terminate();
    this.removeAllListeners();
    await this.transport.close();
  }

  #ownUri(protocol: Protocol, user?: string): string {
    const hostPort = formatHostPort(this.host, this.transport.portOf(protocol));
    return `sip:${user === undefined ? '' : `${user}@`}${hostPort}${protocol === 'udp' ? '' : `;transport=${protocol}`}`;
  }

  #makeDialogHost(): DialogHost {
    const retransmitAck = (ack: SipRequest, hop: Hop): void => {
      if (hop !== NOWHERE) this.transport.send(ack.toBuffer(), hop);
    };
    return {
      timers: this.timers,
      refusesGlare: this.refusesGlare,
      followsContact: this.options.followsContact ?? true,
      transmit: (request, hop) => this.transactions.send(request, hop),
      transmitAck: (ack, hop) => {
        this.transactions.stamp(ack, hop);
        retransmitAck(ack, hop);
      },
      retransmitAck,
      resolve: (uri) => this.resolve(uri),
      register: (dialog) => this.#dialogs.set(keyOf(dialog), dialog),
      unregister: (dialog) => this.#dialogs.delete(keyOf(dialog)),
    };
  }

  #onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { toTag } = request;
    if (toTag !== undefined) {
      const dialog = this.findDialog(request.callId, toTag, request.fromTag ?? '');
      if (dialog) dialog.onRequest(transaction);
      else if (!this.emit('orphan', transaction)) transaction.respond(481);
    } else if (transaction.isInvite) {
      this.#onInvite(transaction);
    } else if (!this.emit('request', transaction)) {
      transaction.respond(request.method === 'OPTIONS' ? 200 : 405, { headers: { Allow: ALLOW } });
    }
  }

  #onInvite(transaction: ServerTransaction): void {
    const { request, arrival } = transaction;
    // 8.1.1.8 and 12.1.1: a dialog cannot be made without these.
    if (request.fromTag === undefined || request.contact === undefined) {
      const reason = 'Missing Contact or From tag';
      transaction.respond(400, { reason });
      this.transport.emit('refused', { reason, status: 400 }, arrival);
      return;
    }
    const invite = new IncomingInvite(this.#host, transaction, this.contact(arrival.protocol));
    if (!this.emit('invite', invite)) invite.reject(480);
  }

  #onAck(ack: SipRequest, arrival: Arrival): void {
    const dialog = this.findDialog(ack.callId, ack.toTag ?? '', ack.fromTag ?? '');
    if (dialog) dialog.onAck(ack, arrival);
    else this.emit('strayAck', ack, arrival);
  }
}

/** How a URI wants to be reached; undefined: by nothing that we have. */
export function transportOf({ scheme, params }: Pick<SipUri, 'scheme' | 'params'>): Protocol | undefined {
  const named = params.get('transport')?.toLowerCase() ?? (scheme === 'sips' ? 'tls' : 'udp');
  return PROTOCOLS.find((protocol) => protocol === named);
}

const dialogKey = (callId: string, localTag: string, remoteTag: string): string => `${callId}|${localTag}|${remoteTag}`;

const keyOf = (dialog: Dialog): string => dialogKey(dialog.callId, dialog.localTag, dialog.remoteTag);
