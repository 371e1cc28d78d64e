import { randomUUID } from 'node:crypto';
import type { Arrival, ClientTransaction, Hop, SipResponse, SipStack } from '../sip/index.js';
import { Dialog, parseNameAddr, parseUri, SipRequest, transportOf } from '../sip/index.js';
import type { AppConnection } from './app-connection.js';
import { contentTypeFor, localAddress, requestHeaders } from './app-headers.js';
import type { DialogBook, DialogRecord } from './dialog-book.js';
import { dialogIdOf, newRecord } from './dialog-book.js';
import type { HangUp } from './hang-up.js';
import type { AppMessage, AppSip } from './wire.js';
import { describe, sipToApp } from './wire.js';

interface OutgoingCall {
  readonly id: string;
  readonly owner: AppConnection;
  readonly transaction: ClientTransaction;
  readonly records: Map<string, DialogRecord>;
  /** Where the application wanted it sent, whatever the Request-URI says. */
  readonly proxy: Hop | undefined;
  /** The first 2xx. */
  answeredBy: SipResponse | undefined;
}

const METHODS =
  /^(INVITE|ACK|CANCEL|BYE|OPTIONS|REGISTER|INFO|PRACK|UPDATE|MESSAGE|SUBSCRIBE|NOTIFY|REFER|PUBLISH) (\S+) SIP\/2\.0$/;

/** A command that cannot be carried out; the text is the real server's. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** The applications' requests, and the network's answers to them. */
export class Uac {
  readonly #calls = new Map<string, OutgoingCall>();

  constructor(
    private readonly stack: SipStack,
    private readonly dialogs: DialogBook,
    private readonly hangUp: HangUp,
    private readonly watch: (record: DialogRecord) => void,
  ) {}

  /** INVITEs without a final response yet. */
  get size(): number {
    return this.#calls.size;
  }

  /** `sip|<transaction>|<dialog>|<proxy>` with a request line. */
  send(connection: AppConnection, message: AppMessage): void {
    const [transactionId = '', dialogId = '', proxy = ''] = message.args;
    const inDialog = dialogId !== '';
    try {
      if (inDialog) this.#sendInside(connection, message, dialogId);
      else if (transactionId !== '') this.#cancel(connection, message, transactionId);
      else this.#sendOutside(connection, message, proxy);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      connection.reply(message.id, 'NOK', inDialog ? `Server error: ${error.message}` : error.message);
    }
  }

  #sendOutside(connection: AppConnection, message: AppMessage, proxy: string): void {
    const { sip, id } = message;
    const known = this.dialogs.findByCallId(sip.headers.get('Call-ID') ?? '');
    if (known) {
      this.#sendInside(connection, message, known.id);
      return;
    }
    const { method, uri } = parseRequestLine(sip.startLine);
    const hop = this.#nextHop(proxy === '' ? uri : proxy);
    if (this.#isSelf(uri)) throw new Refusal('can not send request to myself');
    const request = this.#build(method, uri, hop, sip);
    const transaction = this.stack.request(request, hop);
    const transactionId = randomUUID();
    this.#confirmSent(connection, id, transaction.request, hop, transactionId);
    if (method === 'INVITE') {
      this.#follow(transactionId, connection, transaction, proxy === '' ? undefined : hop);
    } else {
      transaction.on('response', (response, arrival) =>
        connection.send(sipToApp(cameFrom(hop, arrival), response, { transactionId, dialogId: '' })),
      );
    }
  }

  #build(method: string, uri: string, hop: Hop, sip: AppSip): SipRequest {
    const { body } = sip;
    const contentType = contentTypeFor(sip.headers, body);
    if (body !== '' && contentType === undefined) throw new Refusal('missing content-type');
    // sip-transports.cpp: a TLS contact of drachtio-server must be a sips URI, and then is one in requests too.
    const own = this.stack.contact(hop.protocol);
    const contact = hop.protocol === 'tls' ? own.replace('sip:', 'sips:') : own;
    const local = localAddress(this.stack, hop.protocol);
    const request = new SipRequest({ method, uri, body, headers: requestHeaders(sip.headers, local) });
    const { headers } = request;
    const from = headers.get('From');
    if (from === undefined) headers.set('From', contact);
    else if (parseNameAddr(from) === undefined) throw new Refusal(`invalid from value provided by client: ${from}`);
    else headers.set('From', from.replace(/(sips?:)localhost(?::\d+)?(?=[;>]|$)/i, `$1${local.host}:${local.port}`));
    if ((method === 'INVITE' || method === 'SUBSCRIBE') && !headers.has('Contact')) headers.set('Contact', contact);
    if (body !== '' && contentType !== undefined) headers.set('Content-Type', contentType);
    return request;
  }

  /** An INVITE of ours from its first response to its last. */
  #follow(id: string, owner: AppConnection, transaction: ClientTransaction, proxy: Hop | undefined): void {
    const call: OutgoingCall = { id, owner, transaction, proxy, records: new Map(), answeredBy: undefined };
    this.#calls.set(id, call);
    transaction.on('response', (response, arrival) => this.#onInviteResponse(call, response, arrival));
    transaction.on('overtaken', () => forget(call));
    transaction.once('terminated', () => {
      this.#calls.delete(id);
      endEarly(call);
    });
  }

  #onInviteResponse(call: OutgoingCall, response: SipResponse, arrival: Arrival | undefined): void {
    const { transaction, owner } = call;
    // Of one that was cancelled before anything came the real server says no more than its end (seen).
    if (response.status === 100 && transaction.isCancelled) return;
    if (response.status >= 200 && response.status < 300) {
      if (call.answeredBy) this.#answeredAgain(call, response);
      else this.#confirm(call, this.#recordFor(call, response), response, arrival);
      if (call.answeredBy !== response) return;
    } else if (response.status > 100 && response.status < 200) {
      if (response.toTag !== undefined) this.#recordFor(call, response);
    } else if (response.status >= 300) {
      this.#calls.delete(call.id);
      endEarly(call);
      // invite-in-progress.cpp: 32 s after its CANCEL the INVITE is dropped without telling anyone.
      if (transaction.cancelTimedOut) return;
    }
    const dialogId = dialogIdOf(transaction.request);
    owner.send(sipToApp(cameFrom(transaction.hop, arrival), response, { transactionId: call.id, dialogId }));
  }

  /** The first 2xx of the call. */
  #confirm(call: OutgoingCall, record: DialogRecord, response: SipResponse, arrival: Arrival | undefined): void {
    const { dialog } = record;
    dialog.confirm(response);
    setReturnPath(dialog, call, arrival);
    this.dialogs.add(record); // the id is the same for all forks, and is now this one's
    this.#calls.delete(call.id);
    call.answeredBy = response;
    record.unacknowledged = response;
    record.hangUpAfterAck = call.transaction.isCancelled;
  }

  /**
   * The application has had its answer: a repeated 2xx is left to the dialog. Another fork's the real server (seen: 0.9.10)
   * takes for that repeated: it gets the ACK of the first, and neither one of its own nor a BYE.
   */
  #answeredAgain(call: OutgoingCall, response: SipResponse): void {
    const first = call.records.get(call.answeredBy?.toTag ?? '');
    if (response.toTag !== call.answeredBy?.toTag) first?.dialog.repeatAck(response.cseq.seq);
    else if (first?.forgotten) first.unacknowledged = response;
  }

  #recordFor(call: OutgoingCall, response: SipResponse): DialogRecord {
    const tag = response.toTag ?? '';
    const known = call.records.get(tag);
    if (known) return known;
    const { transaction, owner, id } = call;
    const dialog = Dialog.asUac(this.stack.dialogHost, transaction.request, response);
    dialog.attachInvite(transaction);
    const record = newRecord(transaction.request, { dialog, owner, inviteTransactionId: id });
    call.records.set(tag, record);
    this.dialogs.add(record);
    this.watch(record);
    return record;
  }

  #cancel(connection: AppConnection, message: AppMessage, transactionId: string): void {
    if (!message.sip.startLine.startsWith('CANCEL ')) throw new Refusal('only CANCEL may name a transaction');
    const call = this.#calls.get(transactionId);
    if (!call) throw new Refusal(`unable to cancel unknown transaction id: ${transactionId}`);
    const { Reason } = requestHeaders(message.sip.headers, this.stack);
    const cancel = call.transaction.cancel({ Reason });
    if (!cancel) throw new Refusal(`internal server error canceling transaction id: ${transactionId}`);
    this.#confirmSent(connection, message.id, cancel, call.transaction.hop, randomUUID());
  }

  #sendInside(connection: AppConnection, message: AppMessage, dialogId: string): void {
    const { sip, id } = message;
    const { method, uri } = parseRequestLine(sip.startLine);
    const record = this.dialogs.find(dialogId);
    if (!record) {
      throw new Refusal(
        method === 'ACK'
          ? 'ACK for non-success final response is automatically generated by server'
          : 'unable to find dialog for dialog id provided',
      );
    }
    const contentType = contentTypeFor(sip.headers, sip.body);
    if (sip.body !== '' && contentType === undefined) throw new Refusal('missing content-type');
    const options = {
      headers: requestHeaders(sip.headers, this.stack),
      body: sip.body,
      ...(contentType === undefined ? {} : { contentType }),
      ...(uri.includes('placeholder') ? {} : { uri }),
    };
    if (method === 'ACK') this.#acknowledge(connection, id, record, { ...options, uri: undefined });
    else this.#request(connection, id, record, method, options);
  }

  #acknowledge(connection: AppConnection, id: string, record: DialogRecord, options: object): void {
    const { dialog, unacknowledged } = record;
    if (!unacknowledged) {
      connection.reply(id, 'NOK', 'ACK for non-success responses is automatically generated by the stack');
      return;
    }
    record.unacknowledged = undefined;
    const ack = dialog.ack(unacknowledged, options);
    this.#confirmSent(connection, id, ack, dialog.hopOverride ?? this.stack.resolve(dialog.remoteTarget), randomUUID());
    if (record.hangUpAfterAck) this.hangUp(record, 'ACK-BYE due to cancel race condition');
  }

  #request(
    connection: AppConnection,
    id: string,
    record: DialogRecord,
    method: string,
    options: Parameters<Dialog['request']>[1],
  ): void {
    const { dialog } = record;
    if (method === 'BYE') {
      dialog.localInvite?.cancel();
      record.hungUp = true;
    }
    const transaction = dialog.request(method, options);
    const transactionId = randomUUID();
    this.#confirmSent(connection, id, transaction.request, transaction.hop, transactionId);
    let answered = false;
    transaction.on('response', (response, arrival) => {
      // What comes behind the BYE for a request before it the real server keeps to itself (seen: 487 to a re-INVITE).
      if (answered || (record.hungUp && method !== 'BYE')) return;
      answered = response.status >= 200;
      if (method === 'INVITE' && answered && response.status < 300) record.unacknowledged = response;
      connection.send(sipToApp(cameFrom(transaction.hop, arrival), response, { transactionId, dialogId: record.id }));
    });
  }

  #confirmSent(connection: AppConnection, id: string, request: SipRequest, hop: Hop, transactionId: string): void {
    const sent = describe({ ...hop, source: 'application' }, request);
    connection.reply(id, 'OK', `${sent}|${transactionId}|Msg sent:|\r\n${request.toString()}`);
  }

  #nextHop(target: string): Hop {
    const uri = target.replace(/^.*<([^>]*)>.*$/, '$1');
    const parsed = parseUri(uri);
    if (!parsed) throw new Refusal(`invalid request-uri: ${target}`);
    const transport = parsed.scheme === 'tel' ? undefined : transportOf(parsed);
    if (transport === undefined || this.stack.transport.portOf(transport) === undefined) {
      throw new Refusal('requested protocol/transport not available');
    }
    return this.stack.resolve(uri);
  }

  #isSelf(uri: string): boolean {
    const { address, port, protocol } = this.stack.resolve(uri);
    return address === this.stack.host && port === this.stack.transport.portOf(protocol);
  }
}

/**
 * sip-dialog-controller.cpp takes the status of the last response for that of the call: where, but for UDP, a 180 comes behind the 200
 * it refuses the ACK, until the 200 is repeated; and client-controller.cpp has forgotten whose the dialog is.
 */
function forget({ records, transaction }: OutgoingCall): void {
  if (transaction.hop.protocol === 'udp') return;
  for (const record of records.values()) {
    if (!record.unacknowledged) continue;
    record.unacknowledged = undefined;
    record.forgotten = true;
  }
}

/** Forks that rang and did not answer. */
function endEarly({ records }: OutgoingCall): void {
  for (const { dialog } of records.values()) if (dialog.state === 'early') dialog.terminate();
}

function parseRequestLine(line: string): { method: string; uri: string } {
  const match = METHODS.exec(line.trim());
  if (!match) throw new Refusal(`invalid request-uri: ${line}`);
  return { method: match[1] ?? '', uri: match[2] ?? '' };
}

/** A response that we made up ourselves comes from nowhere: real drachtio gives it no address. */
function cameFrom(hop: Hop, arrival: Arrival | undefined): Hop & { source: 'network' } {
  const { protocol, address, port } = arrival ?? { ...hop, address: '', port: 0 };
  return { protocol, address, port, source: 'network' };
}

/** sip-dialog-controller.cpp: a Contact of another host than the answer came from is not believed; TCP and TLS stay on their connection. */
function setReturnPath(dialog: Dialog, call: OutgoingCall, arrival: Arrival | undefined): void {
  if (!arrival || dialog.routeSet.length > 0) return;
  const { protocol, address, port } = arrival;
  const host = parseUri(dialog.remoteTarget)?.host;
  if (protocol !== 'udp' || host !== address) dialog.hopOverride = { protocol, address, port };
  else if (call.proxy) dialog.hopOverride = call.proxy;
}
