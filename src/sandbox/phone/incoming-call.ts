import { performance } from 'node:perf_hooks';
import type { HeaderInit, IncomingInvite, ResponseOptions, SipRequest } from '../sip/index.js';
import type { CallParts } from './call.js';
import { PhoneCall } from './call.js';

/** What the phone does with a call that comes in. All times count from the INVITE, in ms. */
export interface AnswerScript {
  /** Default: 180 at once. `false` = no 18x at all. 183 brings early media. */
  ring?: false | { afterMs?: number; status?: 180 | 183; earlyToneHz?: number; headers?: HeaderInit };
  /** Default 0; `never` = it rings until the caller gives up. */
  answerAfterMs?: number | 'never';
  /** Refuses at `answerAfterMs` instead of answering; a Reason header goes into `headers`. */
  refuse?: { status: number; reason?: string; headers?: HeaderInit };
  /** On the 200. */
  headers?: HeaderInit;
  /** Sent as it stands instead of our own answer. */
  sdp?: string;
  /** Hz, from the answer on. */
  toneHz?: number;
  /** From the answer. */
  hangUpAfterMs?: number;
  /** Default true. */
  media?: boolean;
}

/** A call that came in. Driven by its script, or by hand when the script says `never`. */
export class IncomingCall extends PhoneCall {
  override readonly incoming = true;
  readonly #timers = new Set<NodeJS.Timeout>();
  #earlySdp: string | undefined;

  constructor(
    readonly transport: IncomingInvite,
    private readonly script: AnswerScript,
    parts: CallParts,
  ) {
    super(parts);
    transport.on('cancelled', (cancel) => this.#onCancel(cancel));
    // It may have been cancelled while its sockets were being opened.
    if (transport.isFinal) this.#onCancel(undefined);
  }

  override get callId(): string {
    return this.transport.request.callId;
  }

  /** The INVITE. */
  get invite(): SipRequest {
    return this.transport.request;
  }

  run(): void {
    const { ring, answerAfterMs = 0, refuse } = this.script;
    if (ring !== false) this.#after(ring?.afterMs ?? 0, () => this.startRinging(ring?.status ?? 180));
    if (answerAfterMs === 'never') return;
    this.#after(answerAfterMs, () => {
      if (refuse) this.refuse(refuse.status, refuse);
      else this.pickUp();
    });
  }

  /** 183 carries our SDP and starts the early tone. */
  startRinging(status: number): void {
    if (this.transport.isFinal) return;
    const ring = this.script.ring === false ? undefined : this.script.ring;
    const options: ResponseOptions = { headers: ring?.headers ?? {} };
    if (status === 183) {
      this.#earlySdp ??= this.#ourSdp();
      options.body = this.#earlySdp;
      if (ring?.earlyToneHz !== undefined) this.parts.media?.play(ring.earlyToneHz);
    }
    this.timings.ringingMs ??= performance.now();
    this.ring.set(this.transport.progress(status, options));
  }

  pickUp(): void {
    if (this.transport.isFinal) return;
    const sdp = this.#earlySdp ?? this.#ourSdp();
    if (sdp === '') {
      this.refuse(488);
      return;
    }
    const { toneHz, hangUpAfterMs } = this.script;
    if (toneHz !== undefined) this.parts.media?.play(toneHz);
    else this.parts.media?.play();
    this.adopt(this.transport.ensureDialog());
    this.transport.answer(sdp, { headers: this.script.headers ?? {} });
    this.timings.answeredMs = performance.now();
    const response = this.transport.transaction.lastResponse;
    this.ring.set(response);
    this.answer.set(response);
    if (hangUpAfterMs !== undefined) this.#after(hangUpAfterMs, () => this.hangUp().catch(() => undefined));
  }

  /** What it rang by does not hold for its answer then. */
  override renewKey(): void {
    super.renewKey();
    this.#earlySdp = undefined;
  }

  refuse(status: number, options: { reason?: string; headers?: HeaderInit } = {}): void {
    const response = this.transport.reject(status, options);
    if (!response) return;
    this.#stop();
    const reason = response.headers.get('Reason');
    this.finish({ by: 'local', how: 'refused', status, reason, message: response });
  }

  override async dispose(): Promise<void> {
    this.#stop();
    await super.dispose();
  }

  protected override finish(...args: Parameters<PhoneCall['finish']>): void {
    this.#stop();
    super.finish(...args);
  }

  #onCancel(message: SipRequest | undefined): void {
    this.finish({ by: 'remote', how: 'cancel', status: 487, reason: message?.headers.get('Reason'), message });
  }

  #ourSdp(): string {
    const { body } = this.invite;
    const own = body === '' ? this.makeOffer() : this.answerTo(body);
    return this.script.sdp ?? own;
  }

  #after(delayMs: number, action: () => unknown): void {
    if (delayMs === 0) {
      action();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }

  #stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
