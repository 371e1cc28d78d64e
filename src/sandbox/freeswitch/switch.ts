import { sharedTicker } from '../rtp/ticker.js';
import { q850Of, type HangupCause } from './causes.js';
import type { Channel, ReleaseDetails } from './channel.js';
import { EventBus } from './event-bus.js';
import { Recording, type RecordingOptions } from './recording.js';

/** FreeSWITCH's own default. */
const PRE_BUFFER_FRAMES = 25;

interface SwitchOptions {
  /** Our address in events and SDP. */
  address: string;
  maxSessions: number;
  soundsDir: string | undefined;
}

/** The channels and what happens between them: joining, parting, hanging up, recording, the media clock. */
export class Switch {
  readonly bus: EventBus;
  readonly channels = new Map<string, Channel>();
  readonly globals = new Map<string, string>();
  readonly startedAt = Date.now();
  sessionsSinceStart = 0;
  sessionPeak = 0;
  /** `fsctl pause`: no new calls. */
  paused = false;
  readonly #finishing = new Set<Promise<void>>();
  readonly #tick = (): void => this.#run();

  constructor(readonly options: SwitchOptions) {
    this.bus = new EventBus(options.address);
  }

  get full(): boolean {
    return this.paused || this.channels.size >= this.options.maxSessions;
  }

  add(channel: Channel): void {
    if (this.channels.size === 0) sharedTicker.add(this.#tick);
    this.channels.set(channel.uuid, channel);
    this.sessionsSinceStart += 1;
    this.sessionPeak = Math.max(this.sessionPeak, this.channels.size);
    channel.media.onKey = ({ digit, duration }) => {
      this.bus.fire('DTMF', (event) => {
        channel.describeState(event);
        event.set('DTMF-Digit', digit).set('DTMF-Duration', duration).set('DTMF-Source', 'RTP');
      });
      const peer = channel.bridge;
      if (peer?.fromPeer) peer.fromPeer(digit);
      else peer?.media.sendKeys(digit, duration / 8);
      channel.onDigit?.(digit);
    };
    channel.setState('CS_INIT');
    channel.fire('CHANNEL_CREATE');
  }

  /** Joins two legs; `a` is the one the events speak of. */
  bridge(a: Channel, b: Channel): void {
    for (const [leg, other] of [
      [a, b],
      [b, a],
    ] as const) {
      leg.media.source?.stop();
      leg.media.source = undefined;
      leg.bridge = other;
      leg.bridgeOriginator = leg === a;
      leg.otherLeg = other;
      leg.otherType = leg === a ? 'originatee' : 'originator';
      leg.callUuid = a.uuid;
      leg.markBridged();
      leg.set('bridge_uuid', other.uuid);
      leg.set('signal_bond', other.uuid);
      leg.set('bridge_channel', other.name);
      leg.set('last_bridge_to', other.uuid);
    }
    a.fire('CHANNEL_BRIDGE', { 'Bridge-A-Unique-ID': a.uuid, 'Bridge-B-Unique-ID': b.uuid });
    b.setState('CS_EXCHANGE_MEDIA');
  }

  /** Parts a leg from its peer; gives the peer. */
  unbridge(leg: Channel): Channel | undefined {
    const peer = leg.bridge;
    if (peer === undefined) return undefined;
    const originator = leg.bridgeOriginator ? leg : peer;
    leg.bridge = peer.bridge = undefined;
    originator.fire('CHANNEL_UNBRIDGE', {
      'Bridge-A-Unique-ID': originator.uuid,
      'Bridge-B-Unique-ID': originator === leg ? peer.uuid : leg.uuid,
    });
    return peer;
  }

  /** Ends a leg, and the other with it. Only the first call counts. */
  hangup(channel: Channel, cause: HangupCause, details: ReleaseDetails = {}): void {
    if (!channel.isUp()) return;
    sharedTicker.catchUp();
    if (!channel.isUp()) return;
    channel.markHungUp(cause);
    channel.sip?.release(cause, details);
    const peer = this.unbridge(channel);
    if (peer !== undefined) {
      channel.set('bridge_hangup_cause', cause);
      this.hangup(peer, this.#causeForPeer(channel, cause), { reason: details.byPeer ? details.reason : undefined });
    }
    this.#track(this.#finish(channel));
  }

  hangupAll(cause: HangupCause): void {
    for (const channel of [...this.channels.values()]) this.hangup(channel, cause);
  }

  startRecording(channel: Channel, path: string, limitSeconds: number, own: Map<string, string>): Promise<boolean> {
    const begun = this.#beginRecording(channel, path, limitSeconds, own);
    channel.media.recordingBegun = begun.catch(() => undefined);
    return begun;
  }

  async #beginRecording(
    channel: Channel,
    path: string,
    limitSeconds: number,
    own: Map<string, string>,
  ): Promise<boolean> {
    if (!channel.isUp()) return false;
    if (channel.media.recordings.has(path)) return true;
    const value = (name: string): string | undefined => own.get(name) ?? channel.get(name);
    const flag = (name: string): boolean => /^(true|yes|on|1)$/i.test(value(name) ?? '');
    const options: RecordingOptions = {
      stereo: flag('RECORD_STEREO'),
      bridgeRequired: flag('RECORD_BRIDGE_REQ'),
      minSeconds: Number(value('RECORD_MIN_SEC') ?? 0),
      preBufferFrames: Number(value('RECORD_PRE_BUFFER_FRAMES') ?? PRE_BUFFER_FRAMES),
      limitSeconds,
      variables: own,
      isBridged: () => channel.bridge !== undefined,
      onLimit: () => this.#track(this.stopRecording(channel, path)),
    };
    let recording: Recording;
    try {
      recording = await Recording.start(path, options);
    } catch {
      return false;
    }
    channel.media.recordings.set(path, recording);
    channel.fire('RECORD_START', recording.eventHeaders);
    if (!channel.isUp()) await this.stopRecording(channel, path);
    return true;
  }

  /** False when there is no such recording. */
  async stopRecording(channel: Channel, path: string): Promise<boolean> {
    const recording = channel.media.recordings.get(path);
    if (recording === undefined) return false;
    sharedTicker.catchUp();
    channel.media.recordings.delete(path);
    const result = await recording.stop(channel.isUp() ? 'success-maxtime' : 'success-silence');
    channel.set('record_file_size', String(result.bytes));
    channel.set('record_samples', String(result.samples));
    channel.set('record_seconds', String(Math.floor(result.samples / 8000)));
    channel.set('record_ms', String(Math.floor(result.samples / 8)));
    channel.set('record_completion_cause', result.cause);
    if (result.discarded) channel.set('RECORD_DISCARDED', 'true');
    channel.fire('RECORD_STOP', { ...recording.eventHeaders, 'Record-Completion-Cause': result.cause });
    return true;
  }

  /** Resolves when every leg that is hung up has written its files and closed its ports. */
  async settle(): Promise<void> {
    while (this.#finishing.size > 0) await Promise.all(this.#finishing);
  }

  /** A leg's own end goes to its peer as normal clearing, a far end's end of the dialled leg with its cause. */
  #causeForPeer(channel: Channel, cause: HangupCause): HangupCause {
    return channel.bridgeOriginator || channel.direction === 'inbound' ? 'NORMAL_CLEARING' : cause;
  }

  async #finish(channel: Channel): Promise<void> {
    channel.setState('CS_HANGUP');
    // In FreeSWITCH one thread does both: no leg ends while its file is being opened.
    await channel.media.recordingBegun;
    for (const path of [...channel.media.recordings.keys()]) await this.stopRecording(channel, path);
    channel.setCallState('HANGUP');
    const cause = channel.hangupCause ?? 'NORMAL_CLEARING';
    channel.set('hangup_cause', cause);
    channel.set('hangup_cause_q850', String(q850Of(cause)));
    channel.set('rtp_audio_in_media_packet_count', String(channel.media.packetsReceived));
    channel.set('rtp_audio_out_media_packet_count', String(channel.media.packetsSent));
    channel.summarise();
    channel.setState('CS_REPORTING');
    channel.fire('CHANNEL_HANGUP_COMPLETE');
    this.channels.delete(channel.uuid);
    channel.fire('CHANNEL_DESTROY');
    if (this.channels.size === 0) sharedTicker.delete(this.#tick);
    await channel.media.close();
    channel.markFinished();
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.then(
      () => undefined,
      () => undefined,
    );
    this.#finishing.add(tracked);
    tracked.then(() => this.#finishing.delete(tracked)).catch(() => undefined);
  }

  #run(): void {
    for (const channel of this.channels.values()) channel.media.pull();
    for (const channel of this.channels.values()) {
      channel.media.push(channel.bridge?.media);
      const { mediaTimeoutMs } = channel.media;
      if (mediaTimeoutMs > 0 && channel.isUp() && channel.media.silentForMs > mediaTimeoutMs) {
        this.hangup(channel, 'MEDIA_TIMEOUT');
      }
    }
  }
}
