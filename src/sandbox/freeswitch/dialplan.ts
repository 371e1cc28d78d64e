import { connect } from 'node:net';
import { scheduleHangup } from './applications.js';
import { Channel } from './channel.js';
import { bindControls } from './digit-actions.js';
import { EslOutboundSession } from './esl-outbound.js';
import type { EslServices } from './esl-session.js';
import { greet, playRingback } from './greeting.js';
import { InboundLeg } from './inbound-leg.js';
import { ChannelMedia } from './media.js';
import { OutboundLeg, type DialOutcome } from './outbound-leg.js';
import { SdpWriter } from './sdp.js';
import type { PortRange } from '../rtp/port.js';
import type { SrtpMode } from '../rtp/sdes.js';
import type { IncomingInvite } from '../sip/invite.js';
import type { SipStack } from '../sip/stack.js';

/** Headers of a call of the gateway's. */
const OURS = {
  'X-CT-Call-Key': /^[0-9a-f]{32}$/,
  'X-CT-Call-Id': /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  'X-CT-Max-Seconds': /^[1-9][0-9]{0,5}$/,
  'X-CT-Ring-Seconds': /^[1-9][0-9]{0,3}$/,
};
/** X-CT-Said where each sound was played, and where there was none. */
/** How each leg is secured; one that is not named is in the clear. */
const SECURED = /^(mandatory|forbidden) (mandatory|optional|forbidden)$/;
const HEARD_ALL = /^(?:FILE PLAYED!)*$/;
const ESL_ADDRESS = /^([0-9A-Za-z.:[\]-]{1,80}):([0-9]{1,5})$/;
const CONNECT_TIMEOUT_MS = 4000;

interface DialplanOptions {
  address: string;
  /** `host:port` that the business's leg is dialled back to. */
  drachtioTarget: string;
  spoolDir: string;
  rtpPortRange: PortRange | undefined;
  mediaTimeoutMs: number;
}

/** What `freeswitch/dialplan/calltrack.xml` does, in the same order. */
export class Dialplan {
  constructor(
    private readonly services: EslServices,
    private readonly stack: SipStack,
    private readonly options: DialplanOptions,
  ) {}

  async route(invite: IncomingInvite): Promise<void> {
    const { fs } = this.services;
    const channel = this.#channelOf(invite);
    const leg = new InboundLeg(fs, channel, new SdpWriter(this.options.address), invite);
    channel.sip = leg;
    fs.add(channel);
    channel.setCallState('RINGING');
    channel.setState('CS_EXECUTE');
    try {
      await this.#run(channel, leg);
    } catch {
      // No RTP port is left, or the like.
      fs.hangup(channel, 'NORMAL_TEMPORARY_FAILURE');
    }
  }

  async #run(channel: Channel, leg: InboundLeg): Promise<void> {
    const esl = ESL_ADDRESS.exec(leg.header('X-esl-outbound'));
    if (/^drachtio-fsmrf:/.test(channel.get('sip_user_agent') ?? '') && esl !== null) {
      leg.srtp = 'optional';
      await this.#runEndpoint(channel, esl[1] ?? '', Number(esl[2]));
    } else if (Object.entries(OURS).every(([name, form]) => form.test(leg.header(name)))) {
      await this.#runCall(channel, leg);
    } else {
      this.services.fs.hangup(channel, 'CALL_REJECTED');
    }
  }

  /** A drachtio-fsmrf endpoint: answer, then obey its socket. */
  async #runEndpoint(channel: Channel, host: string, port: number): Promise<void> {
    const { fs } = this.services;
    channel.set('media_timeout', String(this.options.mediaTimeoutMs));
    channel.set('hangup_after_bridge', 'true');
    channel.set('park_after_bridge', 'false');
    channel.set('playback_terminators', 'none');
    channel.set('send_silence_when_idle', '-1');
    channel.media.silenceWhenIdle = true;
    if (!(await channel.sip?.answer())) {
      fs.hangup(channel, 'INCOMPATIBLE_DESTINATION');
      return;
    }
    channel.setCallState('ACTIVE');
    channel.application = 'socket';
    channel.applicationData = `${host}:${port} async full`;
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port, timeout: CONNECT_TIMEOUT_MS });
    socket.once('error', () => fs.hangup(channel, 'DESTINATION_OUT_OF_ORDER'));
    socket.once('timeout', () => socket.destroy(new Error('the ESL client does not answer')));
    socket.once('connect', () => {
      socket.setTimeout(0);
      new EslOutboundSession(socket, this.services, channel);
    });
  }

  /** A caller: dial back for the business's leg, pass on what it says, record and join when it answers. */
  async #runCall(a: Channel, leg: InboundLeg): Promise<void> {
    const { fs } = this.services;
    const callId = leg.header('X-CT-Call-Id');
    const [caller = 'forbidden', business = 'forbidden'] = SECURED.exec(leg.header('X-CT-Srtp'))?.slice(1) ?? [];
    leg.srtp = caller as SrtpMode;
    a.set('calltrack_call_id', callId);
    a.set('calltrack_leg', 'caller');
    a.set('rtp_disable_hold', 'true');
    a.set('rtp_liberal_dtmf', 'true');
    a.media.ignoresHold = true;
    a.set('hangup_after_bridge', 'true');
    if (fs.full) {
      fs.hangup(a, 'SWITCH_CONGESTION');
      return;
    }
    const greeting = await greet(a, leg, this.services.applications);
    if (!a.isUp()) return;
    const recorded = leg.header('X-CT-Record') === 'yes' && HEARD_ALL.test(greeting['X-CT-Said'] ?? '');
    if (recorded) {
      a.set('RECORD_STEREO', 'true');
      a.set('RECORD_BRIDGE_REQ', 'true');
      a.set('RECORD_PRE_BUFFER_FRAMES', '0');
    }
    bindControls(a, leg.header('X-CT-Controls'));
    const b = this.#dial(a, leg, callId, greeting, business as SrtpMode);
    if (a.answered) playRingback(a);
    a.gone.signal.addEventListener('abort', () => {
      if (b.channel.bridge !== undefined) return;
      fs.hangup(b.channel, b.channel.answered ? 'INCOMPATIBLE_DESTINATION' : 'ORIGINATOR_CANCEL');
    });
    const ringMs = Number(leg.header('X-CT-Ring-Seconds')) * 1000;
    const timer = setTimeout(() => fs.hangup(b.channel, 'NO_ANSWER'), ringMs);
    const outcome = await b.outcome;
    clearTimeout(timer);
    if (!a.isUp()) return;
    a.media.source?.stop();
    if (outcome.kind === 'failed') {
      const lastWords = a.get('calltrack_last_words');
      if (a.answered && lastWords !== undefined) await this.services.applications.execute(a, 'playback', lastWords);
      this.#refuse(a, outcome);
    } else await this.#connect(a, b.channel, leg, recorded);
  }

  #dial(a: Channel, leg: InboundLeg, callId: string, exported: Record<string, string>, srtp: SrtpMode): OutboundLeg {
    const { fs } = this.services;
    const media = new ChannelMedia(this.options.address, this.options.rtpPortRange);
    const name = `sofia/calltrack/${callId}@${this.options.drachtioTarget}`;
    const b = new Channel(fs.bus, 'outbound', name, { ...a.profile, destination: callId }, media);
    b.callUuid = a.uuid;
    b.otherLeg = a;
    b.otherType = 'originator';
    a.otherLeg = b;
    a.otherType = 'originatee';
    b.set('calltrack_call_id', callId);
    b.set('calltrack_leg', 'business');
    b.set('rtp_disable_hold', 'true');
    b.set('rtp_liberal_dtmf', 'true');
    b.media.ignoresHold = true;
    b.set('originator', a.uuid);
    b.set('call_uuid', a.uuid);
    b.set('hangup_after_bridge', 'true');
    fs.add(b);
    const early = (): void => {
      if (!leg.isLateOffer) void this.#passEarlyMedia(a, b).catch(() => undefined);
    };
    const sdp = new SdpWriter(this.options.address);
    sdp.srtp = srtp;
    const out = new OutboundLeg(fs, b, sdp, {
      stack: this.stack,
      target: this.options.drachtioTarget,
      user: callId,
      headers: { 'X-CT-Call-Key': leg.header('X-CT-Call-Key'), 'X-CT-Call-Id': callId, ...exported },
      onRinging: () => leg.ring(),
      onEarlyMedia: early,
    });
    b.sip = out;
    void out.dial().catch(() => fs.hangup(b, 'NORMAL_TEMPORARY_FAILURE'));
    return out;
  }

  /** FreeSWITCH joins the legs for the early media already; the answer then changes nothing about that. */
  async #passEarlyMedia(a: Channel, b: Channel): Promise<void> {
    if (!(await a.sip?.earlyMedia()) || !a.isUp() || !b.isUp() || a.bridge !== undefined) return;
    this.services.fs.bridge(a, b);
  }

  async #connect(a: Channel, b: Channel, leg: InboundLeg, recorded: boolean): Promise<void> {
    const { fs } = this.services;
    // api_on_answer of the business's leg: the caller may have been silent until now.
    a.set('media_timeout', String(this.options.mediaTimeoutMs));
    const answered = await a.sip?.answer();
    if (!answered || !a.isUp() || !b.isUp()) {
      fs.hangup(b, 'INCOMPATIBLE_DESTINATION');
      fs.hangup(a, 'INCOMPATIBLE_DESTINATION');
      return;
    }
    if (recorded) {
      const path = `${this.options.spoolDir}/${leg.header('X-CT-Call-Id')}.wav`;
      await fs.startRecording(a, path, 0, new Map());
    }
    scheduleHangup(fs, a, `+${leg.header('X-CT-Max-Seconds')}`, 'ALLOTTED_TIMEOUT');
    a.setCallState('ACTIVE');
    if (a.isUp() && b.isUp() && a.bridge === undefined) fs.bridge(a, b);
  }

  /** The business's refusal goes to the caller with its own status, whatever its cause would translate to. */
  #refuse(a: Channel, outcome: DialOutcome & { kind: 'failed' }): void {
    a.set('originate_disposition', outcome.cause);
    if (outcome.status !== undefined) {
      a.set('sip_invite_failure_status', String(outcome.status));
      a.set('last_bridge_proto_specific_hangup_cause', `sip:${outcome.status}`);
    }
    this.services.fs.hangup(a, outcome.cause, { status: outcome.status });
  }

  #channelOf(invite: IncomingInvite): Channel {
    const { from } = invite.request;
    const user = userOf(from?.uri ?? '');
    const profile = {
      callerIdName: from?.displayName ?? user,
      callerIdNumber: user,
      destination: userOf(invite.request.uri),
      networkAddress: invite.arrival.address,
    };
    const media = new ChannelMedia(this.options.address, this.options.rtpPortRange);
    const name = `sofia/calltrack/${(from?.uri ?? '').replace(/^sips?:/i, '')}`;
    return new Channel(this.services.fs.bus, 'inbound', name, profile, media);
  }
}

const userOf = (uri: string): string => /^[a-z]+:([^@;:]*)@/i.exec(uri)?.[1] ?? '';
