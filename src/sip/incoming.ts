import type Srf from 'drachtio-srf';
import type { OpenInvite } from '../call/call.js';
import type { DialogLeg, IncomingInvite } from '../call/sip-ports.js';
import { withoutKeys } from '../call/srtp.js';
import { inBackground } from '../lib/background.js';
import { toError, withDeadline } from '../lib/deadline.js';
import type { DigestCredentials } from '../lib/digest.js';
import { SrfDialogLeg } from './dialog-leg.js';
import { forgetInvite } from './link.js';
import { openInvite, type OverNewLink } from './open-invite.js';
import { hasHost, sdpOf } from './sanitise.js';
import { timerInAnswer } from './session-timer.js';
import { contactOverTls } from './tls-contact.js';

/** drachtio answers our command at once; only a dead link takes longer. */
const ANSWER_TIMEOUT_MS = 5000;

/** An INVITE that came in, over srf's request and response. */
export class SrfIncomingInvite implements IncomingInvite {
  readonly receivedAt = Date.now();
  readonly open: OpenInvite;
  readonly sipCallId: string;
  readonly source: { address: string; protocol: string };
  readonly requestUri: string;
  sdp: string;
  auth: DigestCredentials | undefined;
  readonly bodyLength: number;
  readonly namesContact: boolean;
  /**
   * drachtio-server dies of any answer of ours to an INVITE over UDP whose Contact names no host, like `*` or a tel URI
   * (sip-dialog.cpp compares a null pointer). It gets its 100 and then nothing.
   */
  readonly #unanswerable: boolean;
  #cancelled = false;
  #finished = false;
  readonly #cancelListeners: (() => void)[] = [];

  constructor(
    private readonly srf: Srf,
    private readonly request: Srf.SrfRequest,
    private readonly response: Srf.SrfResponse,
    private readonly overNewLink: OverNewLink,
  ) {
    this.open = openInvite('in', request);
    this.sipCallId = request.get('Call-ID') ?? '';
    this.source = { address: request.source_address, protocol: request.protocol };
    this.requestUri = request.uri;
    this.sdp = sdpOf(request);
    this.bodyLength = request.body.length;
    const contact = request.get('Contact');
    this.namesContact = contact !== undefined && hasHost(contact);
    this.#unanswerable = contact !== undefined && !this.namesContact && request.protocol === 'udp';
    if (this.#unanswerable) {
      this.#finished = true;
      forgetInvite(srf, request);
    }
    // Before the first await of anybody: a CANCEL that nobody listens for leaves a ghost call ringing (srf #113).
    request.on('cancel', () => this.#gaveUp());
  }

  get answerable(): boolean {
    return !this.#unanswerable;
  }

  dropKeys(): void {
    this.sdp = withoutKeys(this.sdp);
  }

  header(name: string): string | undefined {
    return this.request.get(name);
  }

  onCancel(listener: () => void): void {
    if (this.#cancelled) listener();
    else this.#cancelListeners.push(listener);
  }

  get #contact(): Record<string, string> {
    return contactOverTls(this.source.protocol.toLowerCase() === 'tls', this.requestUri);
  }

  #gaveUp(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#finished = true;
    for (const listener of this.#cancelListeners) listener();
  }

  progress(status: number, sdp?: string): void {
    if (this.#finished) return;
    const headers = { ...this.#contact, ...(sdp ? { 'Content-Type': 'application/sdp' } : {}) };
    this.response.send(status, { headers, ...(sdp ? { body: sdp } : {}) });
  }

  refuse(status: number, headers: Record<string, string> = {}): void {
    if (this.#finished) return;
    this.#finished = true;
    const again = (): void => this.overNewLink.endInvite(this.open, status);
    if (this.request.socket.destroyed) again();
    else this.response.send(status, { headers }, this.overNewLink.unlessConfirmed(again));
  }

  answer(sdp: string): Promise<DialogLeg> {
    if (this.#unanswerable) return Promise.reject(new Error('an INVITE that cannot be answered'));
    this.#finished = true;
    const answered = new Promise<DialogLeg>((resolve, reject) => {
      const options = { localSdp: sdp, headers: { ...this.#contact, ...timerInAnswer(this.request) } };
      this.srf.createUAS(this.request, this.response, options, (error, dialog) => {
        // Called twice when a CANCEL crosses our 200: first with the error, then with the dialog it made.
        if (dialog) {
          const leg = new SrfDialogLeg(dialog, this.overNewLink, this.auth);
          if (this.#cancelled) inBackground(leg.bye());
          resolve(leg);
        } else {
          const refusal = toError(error);
          // drachtio has answered his CANCEL itself; srf, which waits for none behind a 200, keeps its word of that back.
          if (refusal.message.includes('unknown transaction')) this.#gaveUp();
          reject(refusal);
        }
      });
    });
    const late = (leg: DialogLeg): void => inBackground(leg.bye());
    return withDeadline(answered, ANSWER_TIMEOUT_MS, 'answering an INVITE', late).catch((error: unknown) => {
      // With its link went the word whether he was answered: he still waits, or is to be hung up on.
      if (this.request.socket.destroyed && !this.#cancelled) this.overNewLink.endInvite(this.open, 503);
      throw error;
    });
  }
}
