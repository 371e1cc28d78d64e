import type { OutgoingInvite } from '../sip/invite.js';
import type { SipStack } from '../sip/stack.js';
import type { SipResponse } from '../sip/message.js';
import { causeOf, reasonHeader, type HangupCause } from './causes.js';
import type { Channel, ReleaseDetails, SipSide } from './channel.js';
import { DialogLeg } from './leg.js';
import { readSdp, type RemoteAudio, type SdpWriter } from './sdp.js';
import type { Switch } from './switch.js';

export type DialOutcome =
  { kind: 'answered' } | { kind: 'failed'; cause: HangupCause; status?: number; reason?: string };

interface DialOptions {
  stack: SipStack;
  /** `host:port` */
  target: string;
  user: string;
  headers: Readonly<Record<string, string>>;
  onRinging: () => void;
  onEarlyMedia: () => void;
}

/** A leg that we dial. */
export class OutboundLeg extends DialogLeg implements SipSide {
  readonly outcome: Promise<DialOutcome>;
  #settle: (outcome: DialOutcome) => void = () => undefined;
  #invite: OutgoingInvite | undefined;
  #final = false;
  #agreed: RemoteAudio | undefined;

  constructor(
    fs: Switch,
    channel: Channel,
    sdp: SdpWriter,
    private readonly options: DialOptions,
  ) {
    super(fs, channel, sdp);
    this.offered = true;
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
  }

  /** Sends the INVITE; what comes of it is in `outcome`. */
  async dial(): Promise<void> {
    const port = await this.channel.media.open();
    if (!this.channel.isUp()) return;
    const { stack, target, user, headers } = this.options;
    const { callerIdName, callerIdNumber } = this.channel.profile;
    const invite = stack.invite({
      uri: `sip:${user}@${target}`,
      from: `"${callerIdName.replace(/["\\\r\n]/g, '')}" <sip:${callerIdNumber}@${this.fs.options.address}>`,
      contactUser: 'mod_sofia',
      headers,
      body: this.noteLocalSdp(this.sdp.offer(port), port),
    });
    this.#invite = invite;
    this.channel.set('sip_call_id', invite.request.callId);
    invite.on('provisional', (response) => this.#onProvisional(response));
    invite.once('answered', (response, dialog) => {
      this.#final = true;
      // A dialog made by the 200 itself has not seen that 200, and would refuse re-INVITEs as glare for ever.
      dialog.localInvite = undefined;
      this.adopt(dialog);
      this.#onAnswered(response);
    });
    invite.once('failed', (response) => this.#onFailed(response));
  }

  ring(): void {
    // Only legs that were called can ring.
  }

  earlyMedia(): Promise<boolean> {
    return Promise.resolve(true);
  }

  answer(): Promise<boolean> {
    return Promise.resolve(true);
  }

  release(cause: HangupCause, details: ReleaseDetails): void {
    this.#settle({ kind: 'failed', cause });
    if (details.byPeer === true) return;
    if (this.#final) {
      this.sendBye(cause, details);
      return;
    }
    this.channel.set('sip_hangup_disposition', 'send_cancel');
    this.#invite?.cancel({ Reason: details.reason ?? reasonHeader(cause) });
  }

  #onProvisional(response: SipResponse): void {
    if (!this.channel.isUp() || response.status === 100) return;
    const remote = response.body === '' ? undefined : readSdp(response.body, this.sdp.srtp);
    if (remote !== undefined) {
      this.channel.set('switch_r_sdp', response.body);
      this.#agreed = remote;
      this.startMedia(remote);
      this.channel.markEarly();
      this.options.onEarlyMedia();
    } else if (response.status >= 180 && response.status !== 183) {
      this.channel.markRinging();
      this.options.onRinging();
    }
  }

  #onAnswered(response: SipResponse): void {
    if (!this.channel.isUp()) return;
    // The real one follows each SDP of a 183, and passes over the one in the 200 behind them.
    const remote =
      this.#agreed ?? (response.body === '' ? this.channel.media.remote : readSdp(response.body, this.sdp.srtp));
    if (remote === undefined) {
      const cause = 'INCOMPATIBLE_DESTINATION';
      this.#settle({ kind: 'failed', cause, status: 488 });
      this.fs.hangup(this.channel, cause);
      return;
    }
    if (response.body !== '') this.channel.set('switch_r_sdp', response.body);
    this.startMedia(remote);
    this.channel.markAnswered();
    this.channel.setCallState('ACTIVE');
    this.#settle({ kind: 'answered' });
  }

  #onFailed(response: SipResponse): void {
    this.#final = true;
    if (!this.channel.isUp()) return;
    const reason = response.headers.get('Reason');
    const cause = causeOf(response.status, reason);
    this.channel.set('sip_invite_failure_status', String(response.status));
    this.channel.set('sip_invite_failure_phrase', response.reason);
    this.channel.set('proto_specific_hangup_cause', `sip:${response.status}`);
    this.#settle({ kind: 'failed', cause, status: response.status });
    this.fs.hangup(this.channel, cause, { byPeer: true });
  }
}
