import type { SipRequest } from '../sip/message.js';
import type { IncomingInvite } from '../sip/invite.js';
import type { SrtpMode } from '../rtp/sdes.js';
import { reasonHeader, sipStatusOf, type HangupCause } from './causes.js';
import type { Channel, ReleaseDetails, SipSide } from './channel.js';
import { DialogLeg } from './leg.js';
import { readSdp, type RemoteAudio, type SdpWriter } from './sdp.js';
import type { Switch } from './switch.js';

/** A leg that drachtio has called us on. */
export class InboundLeg extends DialogLeg implements SipSide {
  #early = false;
  #remote: RemoteAudio | undefined;

  constructor(
    fs: Switch,
    channel: Channel,
    sdp: SdpWriter,
    private readonly invite: IncomingInvite,
  ) {
    super(fs, channel, sdp);
    describeInvite(channel, invite);
    invite.once('cancelled', () => {
      channel.set('sip_hangup_disposition', 'recv_cancel');
      fs.hangup(channel, 'ORIGINATOR_CANCEL', { byPeer: true });
    });
  }

  /** The caller sent no SDP: our offer goes out in the 200, his answer comes in the ACK. */
  get isLateOffer(): boolean {
    return this.invite.request.body === '';
  }

  /** As the variable `rtp_secure_media_inbound` has it. */
  set srtp(mode: SrtpMode) {
    this.sdp.srtp = mode;
  }

  /** A header of the INVITE, '' when it is not there. */
  header(name: string): string {
    return this.invite.request.headers.get(name) ?? '';
  }

  ring(): void {
    // FreeSWITCH sends no 180 for a late offer (seen on 1.10.12).
    if (!this.isLateOffer && !this.#early && !this.invite.isFinal) this.invite.progress(180);
    this.channel.markRinging();
  }

  async earlyMedia(): Promise<boolean> {
    if (this.#early || this.channel.answered) return true;
    const answer = await this.#negotiate();
    if (answer === undefined || this.invite.isFinal) return false;
    this.#early = true;
    this.invite.progress(183, { body: answer });
    this.channel.markEarly();
    return true;
  }

  async answer(): Promise<boolean> {
    if (this.channel.answered) return true;
    return this.isLateOffer ? this.#answerWithOffer() : this.#answerOffer();
  }

  release(cause: HangupCause, details: ReleaseDetails): void {
    if (details.byPeer === true) return;
    if (this.invite.isFinal) {
      this.sendBye(cause, details);
      return;
    }
    this.channel.set('sip_hangup_disposition', 'send_refuse');
    this.invite.reject(details.status ?? sipStatusOf(cause), {
      headers: { Reason: details.reason ?? reasonHeader(cause) },
    });
  }

  async #answerOffer(): Promise<boolean> {
    const answer = await this.#negotiate();
    if (answer === undefined || this.invite.isFinal) return false;
    this.adopt(this.invite.answer(answer));
    this.readMediaTimeout();
    this.channel.markEarly();
    this.channel.markAnswered();
    return true;
  }

  async #answerWithOffer(): Promise<boolean> {
    const port = await this.channel.media.open();
    if (this.invite.isFinal) return false;
    this.offered = true;
    const dialog = this.invite.answer(this.noteLocalSdp(this.sdp.offer(port), port));
    this.adopt(dialog);
    const ack = await new Promise<SipRequest | undefined>((resolve) => {
      dialog.once('ack', resolve);
      dialog.once('ended', () => resolve(undefined));
      this.channel.gone.signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    if (ack === undefined || !this.channel.isUp()) return false;
    const remote = ack.body === '' ? undefined : readSdp(ack.body, this.sdp.srtp);
    if (remote === undefined) {
      const reason = 'SIP;cause=488;text="No answer to offer"';
      this.fs.hangup(this.channel, ack.body === '' ? 'MANDATORY_IE_MISSING' : 'INCOMPATIBLE_DESTINATION', { reason });
      return false;
    }
    this.channel.set('switch_r_sdp', ack.body);
    this.startMedia(remote);
    this.channel.markAnswered();
    return true;
  }

  /** Our answer to the caller's offer, media running; undefined when we have no codec in common. */
  async #negotiate(): Promise<string | undefined> {
    this.#remote ??= readSdp(this.invite.request.body, this.sdp.srtp);
    if (this.#remote === undefined) {
      this.channel.set('endpoint_disposition', 'CODEC NEGOTIATION ERROR');
      return undefined;
    }
    const port = await this.channel.media.open();
    if (this.channel.media.remote === undefined) this.startMedia(this.#remote);
    return this.noteLocalSdp(this.sdp.answer(port, this.#remote), port);
  }
}

/** The variables that mod_sofia makes of an INVITE: its parts, and every X- header. */
function describeInvite(channel: Channel, invite: IncomingInvite): void {
  const { request, arrival } = invite;
  channel.set('sip_call_id', request.callId);
  channel.set('sip_from_user', channel.profile.callerIdNumber);
  channel.set('sip_from_display', channel.profile.callerIdName);
  channel.set('sip_from_tag', request.fromTag);
  channel.set('sip_full_from', request.headers.get('From'));
  channel.set('sip_full_to', request.headers.get('To'));
  channel.set('sip_req_user', channel.profile.destination);
  channel.set('sip_req_uri', request.uri.replace(/^sips?:/i, ''));
  channel.set('sip_network_ip', arrival.address);
  channel.set('sip_network_port', String(arrival.port));
  channel.set('sip_received_ip', arrival.address);
  channel.set('sip_received_port', String(arrival.port));
  channel.set('sip_via_protocol', arrival.protocol);
  channel.set('sip_user_agent', request.headers.get('User-Agent'));
  channel.set('sip_contact_uri', request.contact?.uri.replace(/^sips?:/i, ''));
  channel.set('sofia_profile_name', 'calltrack');
  channel.set('switch_r_sdp', request.body);
  channel.set('call_uuid', channel.uuid);
  for (const { name, value } of request.headers) if (/^X-/i.test(name)) channel.set(`sip_h_${name}`, value);
}
