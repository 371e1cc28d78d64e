import { EventEmitter, once } from 'node:events';
import { withDeadline } from '../../lib/deadline.js';
import type { G711Law } from '../rtp/g711.js';
import type { IncomingInvite, Protocol, SipResponse, SipTimers, TlsIdentity } from '../sip/index.js';
import { SipStack } from '../sip/index.js';
import type { CallParts, PhoneCall } from './call.js';
import type { AnswerScript } from './incoming-call.js';
import { IncomingCall } from './incoming-call.js';
import { PATIENCE_MS } from './latch.js';
import { PhoneMedia } from './media.js';
import type { CallOptions } from './outgoing-call.js';
import { OutgoingCall } from './outgoing-call.js';
import { Registration, type RegisterOptions } from './registration.js';
import { PhoneSdp } from './sdp.js';

export interface PhoneOptions {
  /** Address for SIP and RTP; default 127.0.0.1. */
  host?: string;
  /** SIP port, UDP and TCP; default any free one. */
  port?: number;
  /** Takes calls over TLS too; port: default any free one. */
  tls?: TlsIdentity & { port?: number };
  /** Its sound is encrypted (SRTP, keys in SDP), or there is none. */
  srtp?: boolean;
  /** User part of its address; default `phone`. */
  user?: string;
  /** Codecs it offers and takes, the preferred one first; default A-law, then µ-law. */
  laws?: readonly G711Law[];
  timers?: SipTimers;
  /** What it does with calls; default: rings and answers at once. A function may look at the INVITE. */
  answers?: AnswerScript | ((invite: IncomingInvite) => AnswerScript);
}

/** RFC 863's port, for offers of calls whose sound nobody wants. */
const DISCARD_PORT = 9;
const BOTH_LAWS: readonly G711Law[] = ['alaw', 'ulaw'];

/** A SIP user agent with sound: places calls, takes them by a script, and tells what happened. */
export class Phone {
  /** What it does with the next calls; may be changed at any time. */
  answers: AnswerScript | ((invite: IncomingInvite) => AnswerScript);
  /** Every call so far, in order. */
  readonly calls: PhoneCall[] = [];
  readonly #waiting: IncomingCall[] = [];
  readonly #registration: Registration;
  readonly #events = new EventEmitter<{ call: [IncomingCall] }>();
  #closed = false;

  private constructor(
    readonly stack: SipStack,
    private readonly options: PhoneOptions,
  ) {
    this.answers = options.answers ?? {};
    this.#registration = new Registration(stack, this.user);
    stack.on('invite', (invite) => {
      this.#take(invite).catch(() => invite.reject(500));
    });
  }

  static async open(options: PhoneOptions = {}): Promise<Phone> {
    const { host = '127.0.0.1', port = 0, timers, tls } = options;
    const stack = await SipStack.listen({
      host,
      port,
      userAgent: 'calltrack-phone',
      ...(timers === undefined ? {} : { timers }),
      ...(tls === undefined ? {} : { tls }),
    });
    return new Phone(stack, options);
  }

  get host(): string {
    return this.stack.host;
  }

  get port(): number {
    return this.stack.port;
  }

  get user(): string {
    return this.options.user ?? 'phone';
  }

  /** What others dial to reach it. */
  uri(protocol: Protocol = 'udp'): string {
    const port = this.stack.transport.portOf(protocol) ?? this.port;
    return `sip:${this.user}@${this.host}:${port}${protocol === 'udp' ? '' : `;transport=${protocol}`}`;
  }

  /** Sends an INVITE. The call is there at once; its states are to be awaited on it. */
  async call(options: CallOptions): Promise<OutgoingCall> {
    const parts = await this.#parts(options.media);
    const call = new OutgoingCall(this.stack, this.user, options, parts);
    this.calls.push(call);
    return call;
  }

  /** Registers its address, or whatever `options` say; resolves with the last response, whatever its status. */
  async register(options: RegisterOptions): Promise<SipResponse> {
    return await this.#registration.send(options);
  }

  /** The next call that comes in, or has come in and was not asked for yet. */
  async nextCall(timeoutMs = PATIENCE_MS): Promise<IncomingCall> {
    const waiting = this.#waiting.shift();
    if (waiting) return waiting;
    await withDeadline(once(this.#events, 'call'), timeoutMs, 'incoming call');
    return await this.nextCall(timeoutMs);
  }

  /** Ends all calls without a word and releases every socket. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.calls.map((call) => call.dispose()));
    await this.stack.close();
  }

  async #take(invite: IncomingInvite): Promise<void> {
    const script = typeof this.answers === 'function' ? this.answers(invite) : this.answers;
    const call = new IncomingCall(invite, script, await this.#parts(script.media));
    this.calls.push(call);
    this.#waiting.push(call);
    this.#events.emit('call', call);
    call.run();
  }

  async #parts(withMedia = true): Promise<CallParts> {
    const media = withMedia ? await PhoneMedia.open(this.host) : undefined;
    const sdp = new PhoneSdp(this.host, media?.port ?? DISCARD_PORT, this.options.srtp);
    return { media, sdp, laws: this.options.laws ?? BOTH_LAWS };
  }
}
