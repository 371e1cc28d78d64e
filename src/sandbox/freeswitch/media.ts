import type { KeyPress } from '../rtp/telephone-event.js';
import { FRAME_SAMPLES } from '../rtp/packet.js';
import { RtpPort, type PortRange } from '../rtp/port.js';
import { RtpSession } from '../rtp/session.js';
import { answerDirection, CODEC_NAME, DEFAULT_TELEPHONE_EVENT, type RemoteAudio } from './sdp.js';
import type { FrameSource } from './frame-source.js';
import type { Recording } from './recording.js';

const SILENCE = new Int16Array(FRAME_SAMPLES);

/** The sound of one leg. Every 20 ms the switch lets all legs `pull` first and then `push`. */
export class ChannelMedia {
  onKey: ((press: KeyPress) => void) | undefined;
  /** What the far end said in this tick, and what we sent it. */
  readonly heard = new Int16Array(FRAME_SAMPLES);
  readonly said = new Int16Array(FRAME_SAMPLES);
  /** False: `heard` is silence because nothing came. */
  hasHeard = false;
  /** An announcement goes before whatever the other leg says. */
  source: FrameSource | undefined;
  /** Heard over whatever else is sent (uuid_displace … mux), by file. */
  readonly overlays = new Map<string, FrameSource>();
  /** Keeps the stream going between announcements (send_silence_when_idle). */
  silenceWhenIdle = false;
  readMuted = false;
  writeMuted = false;
  holding = false;
  /** As the variable `rtp_disable_hold` has it: a holding far end is one that is silent, no more. */
  ignoresHold = false;
  mediaTimeoutMs = 0;
  readonly recordings = new Map<string, Recording>();
  /** Settles when the recording that was last asked for has begun, or has not. Never rejects. */
  recordingBegun: Promise<unknown> = Promise.resolve();
  remote: RemoteAudio | undefined;
  #session: RtpSession | undefined;

  constructor(
    private readonly address: string,
    private readonly range: PortRange | undefined,
  ) {}

  get codecName(): string | undefined {
    return this.remote === undefined ? undefined : CODEC_NAME[this.remote.law];
  }

  get packetsReceived(): number {
    return this.#session?.packetsReceived ?? 0;
  }

  get packetsSent(): number {
    return this.#session?.packetsSent ?? 0;
  }

  /** The local RTP port; opened by the first call. */
  async open(): Promise<number> {
    if (this.#session === undefined) {
      const port = await RtpPort.open(this.address, this.range);
      this.#session = new RtpSession(port, false);
      this.#session.onKey = (press) => this.onKey?.(press);
    }
    return this.#session.port.port;
  }

  /**
   * Starts or changes the stream as negotiated. `offered`: we made the offer, so keys come with our payload type. `key`: what we send
   * is encrypted with, where the other side has one.
   */
  configure(remote: RemoteAudio, offered: boolean, key: string): void {
    const direction = answerDirection(remote.direction);
    const silent = remote.address === '0.0.0.0';
    this.remote = remote;
    this.holding = remote.holding && !this.ignoresHold;
    this.#session?.configure({
      remoteAddress: remote.address,
      remotePort: remote.port,
      law: remote.law,
      payloadType: remote.payloadType,
      // To an offer of both some answer with both, and speak by either.
      other: offered ? remote.other : undefined,
      telephoneEventPayloadType: remote.telephoneEvent,
      localTelephoneEventPayloadType: offered ? DEFAULT_TELEPHONE_EVENT : remote.telephoneEvent,
      send: !silent && (direction === 'sendrecv' || direction === 'sendonly'),
      receive: direction === 'sendrecv' || direction === 'recvonly',
      srtp: remote.crypto && { send: key, receive: remote.crypto.inline },
    });
  }

  sendKeys(digits: string, durationMs?: number): void {
    this.#session?.sendKeys(digits, durationMs);
  }

  /** Milliseconds without RTP from a far end that should send some; 0 when it need not. */
  get silentForMs(): number {
    if (this.#session === undefined || this.remote === undefined || this.remote.direction === 'recvonly') return 0;
    return performance.now() - this.#session.lastReceivedAt;
  }

  /** The silence is counted from now on. */
  restartSilence(): void {
    if (this.#session !== undefined) this.#session.lastReceivedAt = performance.now();
  }

  pull(): void {
    this.hasHeard = this.#session?.pull(this.heard) ?? false;
    if (this.readMuted) this.heard.fill(0);
  }

  /** Sends what belongs to this tick: an announcement, else what the other leg said, else nothing. */
  push(peer: ChannelMedia | undefined): void {
    const frame = this.#nextFrame(peer);
    this.said.set(frame ?? SILENCE);
    for (const overlay of this.overlays.values()) this.#mix(overlay);
    if (this.writeMuted) this.said.fill(0);
    this.#session?.push(frame === undefined ? undefined : this.said);
    for (const recording of this.recordings.values()) recording.write(this.heard, this.said, this.holding);
  }

  async close(): Promise<void> {
    this.source?.stop();
    this.source = undefined;
    await this.#session?.close();
    this.#session = undefined;
  }

  #mix(overlay: FrameSource): void {
    const frame = new Int16Array(FRAME_SAMPLES);
    if (!overlay.read(frame)) return;
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      this.said[i] = Math.max(-32768, Math.min(32767, (this.said[i] ?? 0) + (frame[i] ?? 0)));
    }
  }

  #nextFrame(peer: ChannelMedia | undefined): Int16Array | undefined {
    if (this.source?.read(this.said) === true) return this.said;
    if (peer !== undefined) return peer.hasHeard && !peer.holding ? peer.heard : undefined;
    return this.silenceWhenIdle ? SILENCE : undefined;
  }
}
