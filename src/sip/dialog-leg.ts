import type Srf from 'drachtio-srf';
import type { DialogEnd, DialogLeg, ReinviteAnswer } from '../call/sip-ports.js';
import { inBackground } from '../lib/background.js';
import { withDeadline } from '../lib/deadline.js';
import type { DigestCredentials } from '../lib/digest.js';
import { DigestAnswers } from './digest-answers.js';
import { SipFailureError } from './failure.js';
import { forgetRequestsIn } from './link.js';
import type { OverNewLink } from './open-invite.js';
import { reasonText, sdpOf } from './sanitise.js';
import { timerInAnswer } from './session-timer.js';

/** RFC 3261 timer F: after 64*T1 a request without an answer has none. */
const REQUEST_TIMEOUT_MS = 32_500;
/** FreeSWITCH hangs up one leg for the other while we hang up both, so in every call two BYEs may cross. */
const CROSSED_BYE_TIMEOUT_MS = 5000;
/** What a dialog of ours understands. */
export const ALLOWED_METHODS = 'INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO';
/** The caller's ACK to a late offer; the stack itself gives up at 64*T1. */
const ACK_TIMEOUT_MS = 33_000;

/** An established dialog over srf's. */
export class SrfDialogLeg implements DialogLeg {
  readonly gone: Promise<void>;
  #markGone: () => void = () => undefined;
  #end: DialogEnd | null = null;
  #byeSent = false;
  readonly #endListeners: ((end: DialogEnd) => void)[] = [];
  #reinviting: Promise<unknown> = Promise.resolve();
  readonly #ackSdp: Promise<string>;
  /** The peer's SDP of the INVITE; srf's own is that of his last request. */
  readonly remoteSdp: string;
  /** Set when somebody takes offers: until then they wait. */
  readonly #offerHandler: Promise<(sdp: string) => Promise<ReinviteAnswer>>;
  #takeOffers: (handler: (sdp: string) => Promise<ReinviteAnswer>) => void = () => undefined;

  constructor(
    private readonly dialog: Srf.Dialog,
    private readonly overNewLink: OverNewLink,
    /** For who asks for them inside of a dialog too (RFC 3261 22.2). */
    private readonly auth?: DigestCredentials,
  ) {
    this.gone = new Promise((resolve) => {
      this.#markGone = resolve;
    });
    dialog.on('destroy', (request, reason) => {
      this.#ended({ by: enderOf(reason), cause: reasonText(request.get('Reason')) });
    });
    // srf would answer 200 by itself: somebody who transfers the call would hang up, and the caller be alone.
    for (const event of ['refer', 'message', 'publish'] as const)
      dialog.on(event, (_request, response) => response.send(405, { headers: { Allow: ALLOWED_METHODS } }));
    this.#ackSdp = new Promise((resolve) => {
      dialog.on('ack', (request) => resolve(sdpOf(request)));
    });
    inBackground(this.gone.then(() => forgetRequestsIn(dialog)));
    this.remoteSdp = sdpOf(dialog.type === 'uas' ? dialog.req : dialog.res);
    this.#offerHandler = new Promise((resolve) => {
      this.#takeOffers = resolve;
    });
    // From the first moment on: a PBX moves the sound 2 ms after its answer, and srf would agree and tell nobody.
    dialog.on('modify', (request, response) => this.#offered(request, response));
    dialog.on('update', (request, response) => {
      // RFC 3311: an UPDATE without an offer is a session refresh; it changes nothing.
      if (request.body) this.#offered(request, response);
      else response.send(200, { headers: { ...this.#contact(), ...timerInAnswer(request) } });
    });
  }

  get id(): string {
    return this.dialog.id;
  }

  onEnd(listener: (end: DialogEnd) => void): void {
    if (this.#end) listener(this.#end);
    else this.#endListeners.push(listener);
  }

  onReinvite(handler: (sdp: string) => Promise<ReinviteAnswer>): void {
    this.#takeOffers(handler);
  }

  #offered(request: Srf.SrfRequest, response: Srf.SrfResponse): void {
    const answered = this.#offerHandler.then((handler) => handler(sdpOf(request)));
    answered.then(
      (answer) => {
        if ('status' in answer) response.send(answer.status);
        else {
          // srf answers later refreshes from here; it does not know what we sent in its place.
          if (answer.sdp) this.dialog.local.sdp = answer.sdp;
          response.send(200, { body: answer.sdp, headers: { ...this.#contact(), ...timerInAnswer(request) } });
        }
      },
      () => response.send(500),
    );
  }

  answerInAck(): Promise<string> {
    return withDeadline(this.#ackSdp, ACK_TIMEOUT_MS, "the caller's ACK");
  }

  reinvite(sdp: string): Promise<string> {
    // One at a time (RFC 3261 14.1). Not `dialog.modify()`: after one refusal its queue hangs for ever.
    const answer = this.#reinviting.then(
      () => this.#reinvite(sdp),
      () => this.#reinvite(sdp),
    );
    this.#reinviting = answer.catch(() => undefined);
    return answer;
  }

  #reinvite(sdp: string): Promise<string> {
    const answered = new Promise<string>((resolve, reject) => {
      inBackground(this.gone.then(() => reject(new Error('the dialog is over'))));
      this.#request({ method: 'INVITE', body: sdp, headers: this.#contact() }, (error, response) => {
        if (error) reject(error);
        else if (response.status < 300) {
          this.dialog.local.sdp = sdp;
          resolve(sdpOf(response));
        } else reject(new SipFailureError(response));
      });
    });
    return withDeadline(answered, REQUEST_TIMEOUT_MS, 're-INVITE');
  }

  onAckSdp(listener: (sdp: string) => void): void {
    this.dialog.on('ack', (request) => {
      const sdp = sdpOf(request);
      if (sdp) listener(sdp);
    });
  }

  onInfo(handler: (contentType: string, body: string) => void): void {
    this.dialog.on('info', (request, response) => {
      response.send(200);
      handler(request.get('Content-Type') ?? '', request.body);
    });
  }

  info(contentType: string, body: string): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      this.#request({ method: 'INFO', body, headers: { 'Content-Type': contentType } }, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    return withDeadline(sent, REQUEST_TIMEOUT_MS, 'INFO');
  }

  bye(): Promise<void> {
    if (!this.#end && !this.#byeSent) {
      this.#byeSent = true;
      inBackground(this.#sendBye().then(this.#markGone));
    }
    return this.gone;
  }

  async #sendBye(): Promise<void> {
    if (this.dialog.socket.destroyed) {
      // drachtio outlived our connection to it; any connected application may send in any dialog by its id.
      await this.overNewLink.bye(this.id);
      return;
    }
    let confirmed = (): void => undefined;
    const sent = new Promise<void>((resolve) => {
      confirmed = this.overNewLink.unlessConfirmed(() => resolve(this.overNewLink.bye(this.id)));
      // An error, or a refusal, means that the other side has gone already: what BYE was to bring about.
      this.#request({ method: 'BYE' }, () => resolve());
    });
    await withDeadline(sent, REQUEST_TIMEOUT_MS, 'BYE').catch(() => undefined);
    confirmed();
  }

  /** Calls back once: with its final response, to who asks for credentials with that to the request that has them. */
  #request(
    { method, body, headers }: { method: string; body?: string; headers?: Record<string, string> },
    over: (error: Error | null, response: Srf.SrfResponse) => void,
  ): void {
    const answers = this.auth && new DigestAnswers(method, this.dialog.remote.uri, this.auth);
    const send = (credentials: Record<string, string>): void => {
      const request = { method, ...(body === undefined ? {} : { body }), headers: { ...headers, ...credentials } };
      this.dialog.request(request, (error, response) => {
        if (!error && response.status < 200) return;
        const answer = error ? null : answers?.to(response);
        if (answer) send(answer);
        else over(error, response);
      });
    };
    send({});
  }

  #ended(end: DialogEnd): void {
    if (this.#end) return;
    this.#end = end;
    // Where both say BYE at once ours is still to be answered, and repeated until then; but he has let go already.
    if (this.#byeSent) {
      const timer = setTimeout(this.#markGone, CROSSED_BYE_TIMEOUT_MS);
      inBackground(this.gone.then(() => clearTimeout(timer)));
    } else this.#markGone();
    for (const listener of this.#endListeners) listener(end);
  }

  #contact(): Record<string, string> {
    return this.dialog.local.contact ? { Contact: this.dialog.local.contact } : {};
  }
}

/** Of a BYE that drachtio sends by itself it says why; a CANCEL that crossed our 200 is the peer's doing all the same. */
function enderOf(reason: string | undefined): DialogEnd['by'] {
  if (reason === undefined || reason === 'normal release' || /cancel/i.test(reason)) return 'peer';
  return /session timer/i.test(reason) ? 'session-timer' : 'ack-timeout';
}
