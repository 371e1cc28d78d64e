import { performance } from 'node:perf_hooks';
import type { G711Law } from '../rtp/g711.js';
import type {
  ClientTransaction,
  Dialog,
  HeaderInit,
  ServerTransaction,
  SipRequest,
  SipResponse,
} from '../sip/index.js';
import { Latch, PATIENCE_MS } from './latch.js';
import type { PhoneMedia } from './media.js';
import type { Direction, PhoneSdp } from './sdp.js';
import { answerDirection, readRemoteAudio, rtpParameters } from './sdp.js';

/** How a call ended. */
export interface CallEnd {
  by: 'local' | 'remote';
  /** `bye`: after the answer. `cancel`: the caller gave up. `refused`: a final response, local 408 and 503 included. */
  how: 'bye' | 'cancel' | 'refused' | 'ack-timeout';
  /** The final response's status when it was refused, 487 when it was cancelled, else 200. */
  status: number;
  /** Value of the Reason header of the BYE, CANCEL or refusal. */
  reason: string | undefined;
  message: SipRequest | SipResponse | undefined;
}

/** By `performance.now()`; undefined what did not happen. */
export interface CallTimings {
  /** The INVITE was sent, or came in. */
  inviteMs: number;
  ringingMs: number | undefined;
  answeredMs: number | undefined;
  endedMs: number | undefined;
}

/** The call ended before what was waited for. */
export class CallEndedError extends Error {
  override readonly name = 'CallEndedError';

  constructor(readonly end: CallEnd) {
    super(`call ended: ${end.how} by ${end.by}, ${end.status}`);
  }
}

export interface CallParts {
  media: PhoneMedia | undefined;
  sdp: PhoneSdp;
  /** In order of preference. */
  laws: readonly G711Law[];
}

const RE_INVITE_RETRY_MS = 200;

/** What both directions of a call have in common: states to wait for, sound, and everything after the answer. */
export abstract class PhoneCall {
  readonly timings: CallTimings = {
    inviteMs: performance.now(),
    ringingMs: undefined,
    answeredMs: undefined,
    endedMs: undefined,
  };
  /** Digits received, by RFC 4733 and INFO alike, are `digits`; these are the INFO ones. */
  protected infoDigits = '';
  protected readonly ring = new Latch<SipResponse | undefined>('ringing');
  protected readonly answer = new Latch<SipResponse | undefined>('answer');
  protected readonly confirmed = new Latch<SipRequest>('ACK');
  protected readonly end = new Latch<CallEnd>('end of the call');
  /** Every request that came within the dialog, in order. */
  readonly requests: SipRequest[] = [];
  dialog: Dialog | undefined;
  /** The session description each side gave last. */
  localSdp = '';
  remoteSdp = '';
  #direction: Direction = 'sendrecv';
  #refusal: { status: number; headers?: HeaderInit } | undefined;

  protected constructor(protected readonly parts: CallParts) {}

  abstract get callId(): string;
  abstract readonly incoming: boolean;

  /** The first 180 or 183, sent or received; rejects with `CallEndedError` when the call ends without. */
  async ringing(timeoutMs = PATIENCE_MS): Promise<SipResponse | undefined> {
    return await this.ring.wait(timeoutMs);
  }

  /** The 200, sent or received; rejects with `CallEndedError` when the call ends without. */
  async answered(timeoutMs = PATIENCE_MS): Promise<SipResponse | undefined> {
    return await this.answer.wait(timeoutMs);
  }

  /** The ACK to our own 200. */
  async acknowledged(timeoutMs = PATIENCE_MS): Promise<SipRequest> {
    return await this.confirmed.wait(timeoutMs);
  }

  async ended(timeoutMs = PATIENCE_MS): Promise<CallEnd> {
    return await this.end.wait(timeoutMs);
  }

  get isAnswered(): boolean {
    return this.timings.answeredMs !== undefined;
  }

  get isEnded(): boolean {
    return this.end.value !== undefined;
  }

  /** Milliseconds from the INVITE to the answer, and to the first ringing. */
  get setUpMs(): number | undefined {
    const { answeredMs, inviteMs } = this.timings;
    return answeredMs === undefined ? undefined : answeredMs - inviteMs;
  }

  get media(): PhoneMedia {
    if (!this.parts.media) throw new Error('this call has no media');
    return this.parts.media;
  }

  /** Keys received so far, as RFC 4733 events or INFO. */
  get digits(): string {
    return (this.parts.media?.digits ?? '') + this.infoDigits;
  }

  /** Sends a tone; without frequencies silence. */
  play(...frequenciesHz: number[]): void {
    this.media.play(...frequenciesHz);
  }

  /** Presses keys: in the audio stream (RFC 4733), or as INFO with application/dtmf-relay. */
  async press(digits: string, how: 'rtp' | 'info' = 'rtp', durationMs = 100): Promise<void> {
    if (how === 'rtp') {
      this.media.sendKeys(digits, durationMs);
      return;
    }
    for (const digit of digits) {
      const body = `Signal=${digit}\r\nDuration=${durationMs}\r\n`;
      await this.request('INFO', { body, contentType: 'application/dtmf-relay' });
    }
  }

  /** What it says from now on brings another key for its sound, as some phones do each time. */
  renewKey(): void {
    this.parts.sdp.renewKey();
  }

  /** `a=sendonly`, or `inactive` when the other side already holds. */
  async hold(): Promise<SipResponse> {
    return await this.#renegotiate('sendonly');
  }

  /** `asked`: by a re-INVITE without SDP, as many a PBX does; the offer is then the other side's. */
  async resume(how: 'offered' | 'asked' = 'offered'): Promise<SipResponse> {
    return await this.#renegotiate('sendrecv', how);
  }

  /** Says again what is agreed already, as a session timer does (RFC 4028 7.4). */
  async refresh(method: 'INVITE' | 'UPDATE' = 'INVITE', headers: HeaderInit = {}): Promise<SipResponse> {
    return await this.request(method, { body: this.localSdp, headers });
  }

  /** A re-INVITE with this SDP as it stands; '' = late offer. */
  async reInvite(sdp: string): Promise<SipResponse> {
    return await this.request('INVITE', { body: sdp });
  }

  /** Sends a request within the dialog; resolves with its final response, whatever its status. */
  async request(method: string, options: Parameters<Dialog['request']>[1] = {}): Promise<SipResponse> {
    const dialog = this.#openDialog();
    const response = await finalResponse(dialog.request(method, options), PATIENCE_MS);
    if (method === 'INVITE' && response.status < 300) this.#acknowledge(dialog, response, options.body ?? '');
    else if (method === 'UPDATE' && response.status < 300 && response.body !== '') this.heardSdp(response.body);
    return response;
  }

  /** BYE; resolves when it is answered. A call that is over already is left so. */
  async hangUp(headers: HeaderInit = {}): Promise<void> {
    const { dialog } = this;
    if (this.isEnded || !dialog || dialog.state === 'terminated') return;
    const bye = dialog.request('BYE', { headers });
    this.finish({
      by: 'local',
      how: 'bye',
      status: 200,
      reason: bye.request.headers.get('Reason'),
      message: bye.request,
    });
    await finalResponse(bye, PATIENCE_MS);
  }

  /** Answers the other side's next re-INVITE or UPDATE so instead of agreeing. */
  refuseNextOffer(status: number, headers?: HeaderInit): void {
    this.#refusal = headers === undefined ? { status } : { status, headers };
  }

  /** Releases sockets and timers; nothing is sent. */
  async dispose(): Promise<void> {
    this.dialog?.terminate();
    await this.parts.media?.close();
  }

  /** Our answer to an offer of the other side's; '' when nothing in it fits. */
  protected answerTo(offer: string): string {
    const remote = readRemoteAudio(offer, this.parts.laws, this.parts.sdp.secured);
    if (!remote) return '';
    const direction = answerDirection(remote.direction, this.#direction);
    this.remoteSdp = offer;
    this.localSdp = this.parts.sdp.answer(remote, direction);
    this.parts.media?.configure(rtpParameters(remote, direction, this.parts.sdp.key));
    return this.localSdp;
  }

  protected makeOffer(): string {
    this.localSdp = this.parts.sdp.offer(this.parts.laws, this.#direction);
    return this.localSdp;
  }

  /** The other side's answer to our offer. */
  protected heardSdp(sdp: string): void {
    const remote = sdp === '' ? undefined : readRemoteAudio(sdp, this.parts.laws, this.parts.sdp.secured);
    if (!remote) return;
    this.remoteSdp = sdp;
    const direction = answerDirection(remote.direction, this.#direction);
    this.parts.media?.configure(rtpParameters(remote, direction, this.parts.sdp.key));
  }

  /** From the answer on, the dialog's requests are ours to answer. */
  protected adopt(dialog: Dialog): void {
    this.dialog = dialog;
    dialog.on('request', (transaction) => this.#onRequest(dialog, transaction));
    dialog.on('ack', (ack) => {
      this.confirmed.set(ack);
      if (ack.body !== '') this.heardSdp(ack.body);
    });
    dialog.on('ackTimeout', () => {
      const bye = dialog.request('BYE', { headers: { Reason: 'SIP;cause=408;text="ACK timeout"' } });
      this.finish({
        by: 'local',
        how: 'ack-timeout',
        status: 408,
        reason: bye.request.headers.get('Reason'),
        message: undefined,
      });
    });
  }

  protected finish(end: CallEnd): void {
    if (this.isEnded) return;
    this.timings.endedMs = performance.now();
    this.end.set(end);
    const error = new CallEndedError(end);
    for (const latch of [this.ring, this.answer, this.confirmed]) latch.fail(error);
    // Given time for what is still on its way, the port is free again.
    this.parts.media?.close().catch(() => undefined);
  }

  #openDialog(): Dialog {
    if (!this.dialog || this.isEnded) throw new Error('the call is not up');
    return this.dialog;
  }

  async #renegotiate(direction: Direction, how: 'offered' | 'asked' = 'offered'): Promise<SipResponse> {
    this.#direction = direction;
    const ask = () => this.request('INVITE', { body: how === 'asked' ? '' : this.makeOffer() });
    const response = await ask();
    if (response.status !== 491) return response;
    // RFC 3261 14.1: both asked at once; one more try after a while.
    await new Promise((resolve) => setTimeout(resolve, RE_INVITE_RETRY_MS + Math.random() * RE_INVITE_RETRY_MS));
    return await ask();
  }

  #acknowledge(dialog: Dialog, response: SipResponse, offer: string): void {
    if (offer === '') {
      dialog.ack(response, { body: this.answerTo(response.body) });
      return;
    }
    this.heardSdp(response.body);
    dialog.ack(response);
  }

  #onRequest(dialog: Dialog, transaction: ServerTransaction): void {
    const { request } = transaction;
    this.requests.push(request);
    if (request.method === 'BYE') {
      transaction.respond(200);
      this.finish({ by: 'remote', how: 'bye', status: 200, reason: request.headers.get('Reason'), message: request });
    } else if (request.method === 'INVITE' || request.method === 'UPDATE') {
      this.#onOffer(dialog, transaction);
    } else {
      if (request.method === 'INFO') this.infoDigits += /^Signal\s*=\s*([0-9A-D*#])/im.exec(request.body)?.[1] ?? '';
      transaction.respond(200);
    }
  }

  #onOffer(dialog: Dialog, transaction: ServerTransaction): void {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (refusal) {
      transaction.respond(refusal.status, { headers: refusal.headers ?? {} });
      return;
    }
    const { method, body: offer } = transaction.request;
    if (method === 'UPDATE' && offer === '') {
      transaction.respond(200, { headers: { Contact: dialog.contact } });
      return;
    }
    const body = offer === '' ? this.makeOffer() : this.answerTo(offer);
    if (body === '') transaction.respond(488);
    else if (method === 'UPDATE') transaction.respond(200, { body, headers: { Contact: dialog.contact } });
    else dialog.accept(transaction, { body });
  }
}

/** The final response, which a client transaction gives in any case: its own 408 or 503 at worst. */
async function finalResponse(transaction: ClientTransaction, timeoutMs: number): Promise<SipResponse> {
  const latch = new Latch<SipResponse>(`final response to ${transaction.request.method}`);
  transaction.on('response', (response) => {
    if (response.status >= 200) latch.set(response);
  });
  return await latch.wait(timeoutMs);
}
