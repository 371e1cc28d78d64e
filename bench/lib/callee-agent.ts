import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { CallerOptions } from './messages.js';
import { RtpSource } from './rtp.js';
import { audioAddress, audioSdp, header, response } from './sip-text.js';

const TONE_HZ = 1130;
const T1_MS = 500;
const T2_MS = 4000;
const GIVE_UP_MS = 64 * T1_MS;
/** A finished call's answer is kept for retransmissions of its requests. */
const LINGER_MS = 5000;

interface Answered {
  response: string;
  timer: NodeJS.Timeout | undefined;
  acknowledged: boolean;
}

/** Answers every INVITE with 200 at once, and with a tone when the run has sound. */
export class CalleeAgent {
  readonly #calls = new Map<string, Answered>();
  #rtp = false;
  #answers = 0;

  private constructor(
    private readonly options: CallerOptions,
    private readonly socket: Socket,
    private readonly sound: RtpSource,
  ) {
    socket.on('message', (datagram, from) => this.#receive(datagram.toString('latin1'), from.port, from.address));
  }

  static async open(options: CallerOptions): Promise<CalleeAgent> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind({ address: options.host, port: options.sipPort, exclusive: true });
    await once(socket, 'listening');
    return new CalleeAgent(options, socket, await RtpSource.open(options.host, options.rtpPort, TONE_HZ));
  }

  /** Sets whether the next calls have sound, and tells what was counted since the last time. */
  reset(rtp: boolean): { answers: number; rtpSent: number; rtpReceived: number } {
    const counted = { answers: this.#answers, rtpSent: this.sound.sent, rtpReceived: this.sound.received };
    this.#rtp = rtp;
    this.#answers = this.sound.sent = this.sound.received = 0;
    return counted;
  }

  #receive(message: string, port: number, host: string): void {
    const method = message.slice(0, message.indexOf(' '));
    const callId = header(message, 'Call-ID', 'i');
    if (method === 'SIP/2.0') return;
    if (method === 'ACK') {
      const call = this.#calls.get(callId);
      if (call) call.acknowledged = true;
      clearTimeout(call?.timer);
    } else if (method === 'INVITE') this.#answer(message, callId, port, host);
    else {
      this.socket.send(response(message, '200 OK', {}), port, host);
      if (method === 'BYE') this.#ended(callId);
    }
  }

  #answer(message: string, callId: string, port: number, host: string): void {
    const known = this.#calls.get(callId);
    if (known && !known.acknowledged) {
      this.socket.send(known.response, port, host);
      return;
    }
    const { host: own, sipPort, rtpPort } = this.options;
    const extra = `Contact: <sip:callee@${own}:${sipPort}>\r\n`;
    const body = audioSdp(own, rtpPort);
    const text = response(message, '200 OK', { toTag: `;tag=b${this.#answers}`, extra, body });
    const call: Answered = { response: text, timer: undefined, acknowledged: false };
    this.#calls.set(callId, call);
    this.#answers += known ? 0 : 1;
    this.socket.send(text, port, host);
    this.#repeat(call, port, host, T1_MS, performance.now() + GIVE_UP_MS);
    const to = audioAddress(message);
    if (this.#rtp && to !== null) this.sound.start(callId, to);
  }

  /** RFC 3261 13.3.1.4: the 200 again until the ACK comes. */
  #repeat(call: Answered, port: number, host: string, waitMs: number, untilMs: number): void {
    call.timer = setTimeout(() => {
      if (call.acknowledged || performance.now() > untilMs) return;
      this.socket.send(call.response, port, host);
      this.#repeat(call, port, host, Math.min(waitMs * 2, T2_MS), untilMs);
    }, waitMs);
  }

  #ended(callId: string): void {
    this.sound.stop(callId);
    clearTimeout(this.#calls.get(callId)?.timer);
    setTimeout(() => this.#calls.delete(callId), LINGER_MS);
  }
}
