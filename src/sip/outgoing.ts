import Srf from 'drachtio-srf';
import type { OpenInvite } from '../call/call.js';
import type { InviteOutcome, InviteRequest, OutgoingInvite } from '../call/sip-ports.js';
import { inBackground } from '../lib/background.js';
import { acknowledgeRepeated, ackTaken } from './acknowledge.js';
import { SrfDialogLeg } from './dialog-leg.js';
import { isOverTls } from '../lib/sip-transport.js';
import { DigestAnswers } from './digest-answers.js';
import { toSipFailure } from './failure.js';
import { forgetSent } from './link.js';
import { openInvite, type OverNewLink } from './open-invite.js';
import { cleanHeaderValue, cleanSdp, sdpOf } from './sanitise.js';
import { timerAskedFor } from './session-timer.js';
import { contactOverTls } from './tls-contact.js';
import { tagOf } from './tag.js';

/**
 * After CANCEL the far end owes a 487. drachtio waits 32 s for it and then drops the transaction without a word
 * (invite-in-progress.cpp, MAX_CANCEL_DURATION), so we wait a little longer and let go by ourselves.
 */
const CANCEL_TIMEOUT_MS = 34_000;

/** Of a carrier's that sound before one answers. */
const MOST_FORKS = 20;

const silence = (reason: string): InviteOutcome => ({
  kind: 'failed',
  failure: { status: null, reason, texts: [], q850: null, retryAfterSeconds: null },
});
const NO_RESPONSE = silence('no response');
const UNACKNOWLEDGED = silence('answered, and could not be acknowledged');
/** It takes a 180 within some two milliseconds of the 200: so often in a row is no accident. */
const LOST_ACKS_MAX = 2;

/** One INVITE that we send, from the request to its one outcome. */
export class SrfOutgoingInvite implements OutgoingInvite {
  readonly outcome: Promise<InviteOutcome>;
  readonly gone: Promise<void>;
  #markGone: () => void = () => undefined;
  #settle: (outcome: InviteOutcome) => void = () => undefined;
  #settled = false;
  #cancelReason: string | undefined;
  #cancelled = false;
  #cancelSent = false;
  #lostAcks = 0;
  #request: Srf.SrfRequest | null = null;
  #timer: NodeJS.Timeout | undefined;
  #cancelTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  /** What was said before the answer of where sound goes, by the tag of who said it: one of a carrier's forks. */
  readonly #early = new Map<string, string>();
  readonly #progressListeners: ((status: number, sdp: string) => void)[] = [];
  #sentListener: (invite: OpenInvite) => void = () => undefined;

  constructor(
    private readonly srf: Srf,
    private readonly overNewLink: OverNewLink,
    request: InviteRequest,
  ) {
    this.outcome = new Promise((resolve) => {
      this.#settle = (outcome) => {
        if (this.#settled) return;
        this.#settled = true;
        clearTimeout(this.#timer);
        clearTimeout(this.#silenceTimer);
        resolve(outcome);
      };
    });
    this.gone = new Promise((resolve) => {
      this.#markGone = resolve;
    });
    const { timeoutMs, responseTimeoutMs = timeoutMs } = request;
    // This one first: who has said nothing at all by the end of both is not there.
    this.#silenceTimer = setTimeout(() => this.#giveUp(NO_RESPONSE), Math.min(timeoutMs, responseTimeoutMs));
    this.#timer = setTimeout(() => this.#giveUp({ kind: 'unanswered' }), timeoutMs);
    this.#send(request);
  }

  onSent(listener: (invite: OpenInvite) => void): void {
    this.#sentListener = listener;
  }

  onProgress(listener: (status: number, sdp: string) => void): void {
    this.#progressListeners.push(listener);
  }

  cancel(reason?: string): void {
    if (this.#cancelled || this.#settled) return;
    this.#cancelled = true;
    this.#cancelReason = reason;
    clearTimeout(this.#timer);
    clearTimeout(this.#silenceTimer);
    this.#cancelTimer = setTimeout(() => {
      this.#settle({ kind: 'cancelled' });
      this.#markGone();
      if (this.#request) forgetSent(this.srf, this.#request);
    }, CANCEL_TIMEOUT_MS);
    this.#sendCancel();
  }

  /** The link went down: srf will never call back, and a phone that rings would ring on. */
  linkLost(): void {
    clearTimeout(this.#cancelTimer);
    if (this.#request) this.overNewLink.endInvite(openInvite('out', this.#request), 487);
    this.#markGone();
    this.#settle({ kind: 'link-lost' });
  }

  /** @param again of one that is sent once more: what it must repeat, and what it answers */
  #send(
    request: InviteRequest,
    again: Record<string, string> = {},
    answers = request.auth && new DigestAnswers('INVITE', request.uri, request.auth),
  ): void {
    const { user, displayName, host = 'localhost' } = request.from;
    const name = displayName ? `"${cleanHeaderValue(displayName)}" ` : '';
    const options: Srf.UacOptions = {
      headers: {
        From: `${name}<sip:${cleanHeaderValue(user)}@${host}>`,
        ...contactOverTls(isOverTls(request.proxy ?? request.uri), request.uri),
        ...request.headers,
        ...again,
      },
      ...(request.sdp ? { localSdp: request.sdp } : { noAck: true }),
      ...(request.proxy ? { proxy: request.proxy } : {}),
    };
    const callbacks: Srf.UacCallbacks = {
      cbRequest: (_error, sent) => {
        this.#request = sent ?? null;
        if (sent) this.#sentListener(openInvite('out', sent));
        if (this.#cancelled) this.#sendCancel();
      },
      cbProvisional: (response) => {
        clearTimeout(this.#silenceTimer);
        if (this.#cancelled || response.status === 100) return;
        const sdp = sdpOf(response);
        if (sdp && this.#early.size < MOST_FORKS) this.#early.set(tagOf(response.get('To')), sdp);
        for (const listener of this.#progressListeners) listener(response.status, sdp);
      },
    };
    this.srf.createUAC(request.uri, options, callbacks, (error, dialog) => {
      clearTimeout(this.#silenceTimer);
      const answer = answers && this.#answerToChallenge(answers, error);
      const timed = this.#withTimer(request, error);
      if (answer) this.#send(request, answer, answers);
      else if (timed) this.#sendAnew(timed);
      else if (dialog && !('sdp' in dialog)) inBackground(this.#answered(request, dialog));
      else this.#failedOrOffered(error, dialog);
    });
  }

  /**
   * Credentials for who asks for them. Not srf's own `auth`: there a 100 Trying clears the mark that it has answered
   * already, so that a wrong password sends hundreds of INVITEs a second to the carrier.
   */
  #answerToChallenge(answers: DigestAnswers, error: unknown): Record<string, string> | null {
    if (this.#cancelled || this.#settled) return null;
    const sent = this.#request;
    const answer = answers.to(error instanceof Srf.SipError ? error.res : undefined);
    if (!answer || !sent) return null;
    this.#request = null;
    const sequence = Number.parseInt(sent.get('CSeq') ?? '1', 10) + 1;
    // RFC 3261 8.1.3.5: the same Call-ID and From, the next CSeq.
    const dialog = { 'Call-ID': sent.get('Call-ID') ?? '', From: sent.get('From') ?? '', CSeq: `${sequence} INVITE` };
    return { ...answer, ...dialog };
  }

  /** The request as who insists on a session timer takes it; null where nobody does. */
  #withTimer(request: InviteRequest, error: unknown): InviteRequest | null {
    if (this.#cancelled || this.#settled || !(error instanceof Srf.SipError)) return null;
    const timer = timerAskedFor(error.res, request.headers);
    return timer && { ...request, headers: { ...request.headers, ...timer } };
  }

  /** Another INVITE: nothing of the one before is left. */
  #sendAnew(request: InviteRequest): void {
    this.#request = null;
    this.#send(request);
  }

  #failedOrOffered(error: unknown, dialog: Srf.OfferedDialog | undefined): void {
    clearTimeout(this.#cancelTimer);
    this.#markGone();
    // Not by `ack`: srf gives every dialog a method of that name.
    if (dialog) this.#offered(dialog, this.#settled || this.#cancelled);
    else this.#settle(this.#cancelled ? { kind: 'cancelled' } : { kind: 'failed', failure: toSipFailure(error) });
  }

  async #answered(request: InviteRequest, dialog: Srf.Dialog): Promise<void> {
    // Before anything is waited for: a PBX moves the sound 2 ms after its answer.
    const leg = new SrfDialogLeg(dialog, this.overNewLink, request.auth);
    const acknowledged = await ackTaken(this.srf, dialog.id);
    if (!acknowledged) await this.#hangUpUnacknowledged(leg, dialog);
    if (!acknowledged && !this.#settled && !this.#cancelled && this.#lostAcks++ < LOST_ACKS_MAX) {
      this.#sendAnew(request);
      return;
    }
    clearTimeout(this.#cancelTimer);
    this.#markGone();
    if (this.#settled || this.#cancelled) {
      // RFC 3261 9.1: a 200 that crossed our CANCEL is an answered call that nobody wants: hang it up.
      if (acknowledged) inBackground(leg.bye());
      this.#settle({ kind: 'cancelled' });
    } else this.#settle(acknowledged ? { kind: 'answered', leg, sdp: this.#sdpOf(leg, dialog) } : UNACKNOWLEDGED);
  }

  /** Some carriers leave out of the 200 what they have said in a 183, and some change the tag with it. */
  #sdpOf(leg: SrfDialogLeg, { res }: Srf.Dialog): string {
    return leg.remoteSdp || (this.#early.get(tagOf(res.get('To'))) ?? [...this.#early.values()].at(-1) ?? '');
  }

  /** What the other side says in it would not reach us: it is ended, so that it can be dialled anew. */
  async #hangUpUnacknowledged(leg: SrfDialogLeg, dialog: Srf.Dialog): Promise<void> {
    await acknowledgeRepeated(this.srf, dialog);
    await leg.bye();
  }

  #offered(dialog: Srf.OfferedDialog, late: boolean): void {
    if (late) {
      inBackground(dialog.destroy());
      this.#settle({ kind: 'cancelled' });
      return;
    }
    this.#settle({
      kind: 'offered',
      sdp: cleanSdp(dialog.sdp),
      accept: async (sdp) => new SrfDialogLeg(await dialog.ack(sdp), this.overNewLink),
      abandon: () => dialog.destroy(),
    });
  }

  #giveUp(outcome: InviteOutcome): void {
    this.cancel();
    this.#settle(outcome);
  }

  #sendCancel(): void {
    if (this.#cancelSent || !this.#request) return;
    this.#cancelSent = true;
    const headers: Record<string, string> = this.#cancelReason ? { Reason: this.#cancelReason } : {};
    try {
      this.#request.cancel({ headers }, () => undefined);
    } catch {
      // The socket died under us; `linkLost` or the timer settles the outcome.
    }
  }
}
