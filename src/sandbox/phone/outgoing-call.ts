import { performance } from 'node:perf_hooks';
import type { Dialog, HeaderInit, Hop, OutgoingInvite, SipRequest, SipResponse, SipStack } from '../sip/index.js';
import type { CallParts } from './call.js';
import { PhoneCall } from './call.js';

export interface CallOptions {
  /** `sip:+74951234567@127.0.0.1:5060;transport=tcp` */
  target: string;
  /** User part of From and Contact; default the phone's. */
  callerId?: string;
  displayName?: string;
  /** Host part of From; default the phone's address. */
  fromHost?: string;
  /** To, when it is not the target. */
  to?: string;
  headers?: HeaderInit;
  /** No SDP in the INVITE; our answer to the other side's offer goes with the ACK. */
  lateOffer?: boolean;
  /** Sent as it stands instead of our own offer. */
  sdp?: string;
  callId?: string;
  /** Where to send it, whatever the target says. */
  outbound?: Hop;
  credentials?: { username: string; password: string };
  /** Hz; sent from the first answer or early media on. */
  toneHz?: number;
  /** Default true. Without media the offer names a port that nobody reads. */
  media?: boolean;
  /** Default true; false leaves the 200 without ACK, as a caller that has died does. */
  acknowledges?: boolean;
}

/** A call that the phone places. */
export class OutgoingCall extends PhoneCall {
  override readonly incoming = false;
  /** Every provisional response, 100 included. */
  readonly provisionals: SipResponse[] = [];
  /** The final response to the INVITE. */
  final: SipResponse | undefined;
  readonly #invite: OutgoingInvite;
  readonly #options: CallOptions;
  #cancelled: HeaderInit | undefined;

  constructor(stack: SipStack, user: string, options: CallOptions, parts: CallParts) {
    super(parts);
    this.#options = options;
    if (options.toneHz !== undefined) parts.media?.play(options.toneHz);
    const caller = options.callerId ?? user;
    const name = options.displayName === undefined ? '' : `"${options.displayName.replace(/["\\]/g, '\\$&')}" `;
    const from = `${name}<sip:${caller}@${options.fromHost ?? `${stack.host}:${stack.port}`}>`;
    this.#invite = stack.invite({
      uri: options.target,
      from,
      contactUser: caller,
      autoAck: false,
      body: options.lateOffer === true ? '' : (options.sdp ?? this.makeOffer()),
      ...pick(options, ['to', 'headers', 'callId', 'outbound', 'credentials']),
    });
    this.timings.inviteMs = performance.now();
    this.#invite.on('provisional', (response) => this.#onProvisional(response));
    this.#invite.on('answered', (response, dialog) => this.#onAnswered(response, dialog));
    this.#invite.on('failed', (response) => this.#onFailed(response));
  }

  override get callId(): string {
    return this.#invite.request.callId;
  }

  /** The INVITE as sent last. */
  get invite(): SipRequest {
    return this.#invite.request;
  }

  /** CANCEL, held back until the first provisional response. `ended()` tells when it is over. */
  cancel(headers: HeaderInit = {}): void {
    this.#cancelled = headers;
    this.#invite.cancel(headers);
  }

  #onProvisional(response: SipResponse): void {
    this.provisionals.push(response);
    if (response.status === 100) return;
    this.timings.ringingMs ??= performance.now();
    if (response.body !== '' && this.#options.lateOffer !== true) this.heardSdp(response.body);
    this.ring.set(response);
  }

  #onAnswered(response: SipResponse, dialog: Dialog): void {
    this.timings.answeredMs = performance.now();
    this.final = response;
    this.adopt(dialog);
    if (this.#options.acknowledges === false) {
      this.heardSdp(response.body);
    } else if (this.#options.lateOffer === true) {
      dialog.ack(response, { body: this.#options.sdp ?? this.answerTo(response.body) });
    } else {
      this.heardSdp(response.body);
      dialog.ack(response);
    }
    this.ring.set(response);
    this.answer.set(response);
  }

  #onFailed(response: SipResponse): void {
    this.final = response;
    const cancelled = this.#cancelled !== undefined && response.status === 487;
    this.finish({
      by: cancelled ? 'local' : 'remote',
      how: cancelled ? 'cancel' : 'refused',
      status: response.status,
      reason: response.headers.get('Reason'),
      message: response,
    });
  }
}

/** The given keys without those that are undefined, as `exactOptionalPropertyTypes` thinking wants them. */
function pick<T, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Pick<T, K>;
}
