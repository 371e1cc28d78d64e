import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { CallerOptions, CallRecord, RunRequest, RunResult } from './messages.js';
import { RtpSource } from './rtp.js';
import { audioAddress, audioSdp, header, response } from './sip-text.js';

const TONE_HZ = 440;
const T1_MS = 500;
const T2_MS = 4000;
/** A call without a 200, or a BYE without an answer, after this long has failed. */
const LIMIT_MS = 10_000;
const PACE_MS = 2;
/** A finished call still acknowledges late 200s for so long. */
const LINGER_MS = 3000;

type State = 'inviting' | 'talking' | 'leaving' | 'over';

interface RunningCall {
  record: CallRecord;
  target: string;
  from: string;
  tag: string;
  state: State;
  /** Of the request under way. */
  sentMs: number;
  answeredMs: number;
  provisional: boolean;
  to: string;
  contact: string;
  routes: string;
  timer: NodeJS.Timeout | undefined;
  limit: NodeJS.Timeout | undefined;
}

/** Places calls at a steady pace over one UDP socket: INVITE, ACK, hold, BYE, with retransmissions. */
export class CallerAgent {
  readonly #calls = new Map<string, RunningCall>();
  #request: RunRequest | undefined;
  #result: RunResult = emptyResult();
  #unfinished = 0;
  #finished: () => void = () => undefined;
  #serial = 0;

  private constructor(
    private readonly options: CallerOptions,
    private readonly socket: Socket,
    private readonly sound: RtpSource,
  ) {
    socket.on('message', (datagram) => this.#receive(datagram.toString('latin1'), performance.now()));
  }

  static async open(options: CallerOptions): Promise<CallerAgent> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind({ address: options.host, port: options.sipPort, exclusive: true });
    await once(socket, 'listening');
    return new CallerAgent(options, socket, await RtpSource.open(options.host, options.rtpPort, TONE_HZ));
  }

  /** Resolves when the last call is over, however it ended. */
  async run(request: RunRequest): Promise<RunResult> {
    this.#request = request;
    this.#result = emptyResult();
    this.#unfinished = request.calls;
    this.sound.sent = this.sound.received = 0;
    const over = new Promise<void>((resolve) => (this.#finished = resolve));
    this.#result.offeredMs = await this.#placeAll(request);
    await over;
    return { ...this.#result, rtpSent: this.sound.sent, rtpReceived: this.sound.received };
  }

  /** By the clock and not by a timer a call: a late timer makes up for itself. */
  async #placeAll({ calls, callsPerSecond }: RunRequest): Promise<number> {
    const startedMs = performance.now();
    let placed = 0;
    await new Promise<void>((resolve) => {
      const pace = setInterval(() => {
        const due = Math.min(calls, Math.floor(((performance.now() - startedMs) * callsPerSecond) / 1000) + 1);
        for (; placed < due; placed += 1) this.#place(placed);
        if (placed < calls) return;
        clearInterval(pace);
        resolve();
      }, PACE_MS);
    });
    return performance.now() - startedMs;
  }

  #place(n: number): void {
    const { remote, numbers = [], callers = [] } = this.#request ?? {};
    const { host, sipPort, rtpPort } = this.options;
    this.#serial += 1;
    const callId = `${process.pid}-${Date.now().toString(36)}-${this.#serial}@${host}`;
    const call: RunningCall = {
      record: { callId, setupMs: null, talkMs: null, outcome: 'unfinished', retryAfter: false },
      target: `sip:${numbers[n % numbers.length] ?? '1000'}@${remote?.host ?? ''}:${remote?.port ?? 0}`,
      from: `<sip:${callers[n % callers.length] ?? 'anonymous'}@${host}:${sipPort}>`,
      tag: `t${this.#serial}`,
      state: 'inviting',
      sentMs: 0,
      answeredMs: 0,
      provisional: false,
      to: '',
      contact: '',
      routes: '',
      timer: undefined,
      limit: undefined,
    };
    this.#calls.set(callId, call);
    this.#result.calls.push(call.record);
    const extra = `Contact: <sip:bench@${host}:${sipPort}>\r\nContent-Type: application/sdp\r\n`;
    const invite = this.#build(call, 'INVITE', 1, call.target, extra, audioSdp(host, rtpPort));
    call.sentMs = performance.now();
    this.#send(invite);
    this.#repeat(call, invite, 'inviting', T1_MS);
    call.limit = setTimeout(() => this.#over(call, 'timeout'), LIMIT_MS);
  }

  #build(call: RunningCall, method: string, cseq: number, uri: string, extra = '', body = ''): string {
    const { host, sipPort } = this.options;
    // The ACK to a refusal belongs to the INVITE's transaction (RFC 3261 17.1.1.3), the one to a 200 does not.
    const branch = `z9hG4bK${call.state === 'inviting' ? 'i' : method.charAt(0)}${call.record.callId.replace('@', '-')}`;
    return [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${host}:${sipPort};rport;branch=${branch}`,
      `From: ${call.from};tag=${call.tag}`,
      `To: <${call.target}>${call.to}`,
      `Call-ID: ${call.record.callId}`,
      `CSeq: ${cseq} ${method}`,
      'Max-Forwards: 70',
      `${call.routes}${extra}Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
  }

  #send(message: string): void {
    const { remote } = this.#request ?? {};
    this.socket.send(message, remote?.port, remote?.host);
  }

  #repeat(call: RunningCall, message: string, during: State, waitMs: number): void {
    call.timer = setTimeout(() => {
      if (call.state !== during || (during === 'inviting' && call.provisional)) return;
      if (during === 'inviting') this.#result.inviteRetransmissions += 1;
      else this.#result.byeRetransmissions += 1;
      this.#send(message);
      this.#repeat(call, message, during, during === 'inviting' ? waitMs * 2 : Math.min(waitMs * 2, T2_MS));
    }, waitMs);
  }

  #receive(message: string, nowMs: number): void {
    const call = this.#calls.get(header(message, 'Call-ID', 'i'));
    if (!message.startsWith('SIP/2.0 ')) {
      this.#receiveRequest(message, call);
      return;
    }
    if (!call) return;
    const status = Number(message.slice(8, 11));
    const method = header(message, 'CSeq').split(/\s+/)[1];
    if (method === 'INVITE') this.#receiveAnswer(call, status, message, nowMs);
    else if (method === 'BYE' && call.state === 'leaving' && status >= 200) {
      this.#over(call, status === 200 ? 'ok' : `bye-${status}`);
    }
  }

  #receiveAnswer(call: RunningCall, status: number, message: string, nowMs: number): void {
    if (status < 200) {
      call.provisional = true;
      return;
    }
    const toTag = /;tag=[^;\s]+/i.exec(header(message, 'To', 't'))?.[0] ?? '';
    if (status >= 300) {
      call.to = toTag;
      this.#send(this.#build(call, 'ACK', 1, call.target));
      if (call.state !== 'inviting') return;
      call.record.retryAfter = header(message, 'Retry-After') !== '';
      this.#over(call, String(status));
      return;
    }
    if (call.state === 'inviting') this.#answered(call, message, toTag, nowMs);
    // Also for a repeated 200, and for one after we gave up.
    this.#send(this.#build(call, 'ACK', 1, call.contact));
  }

  #answered(call: RunningCall, message: string, toTag: string, nowMs: number): void {
    clearTimeout(call.timer);
    clearTimeout(call.limit);
    call.state = 'talking';
    call.answeredMs = nowMs;
    call.record.setupMs = nowMs - call.sentMs;
    call.to = toTag;
    call.contact = /<([^>]+)>/.exec(header(message, 'Contact', 'm'))?.[1] ?? call.target;
    const routes = [...message.matchAll(/^Record-Route *: *([^\r\n]+)/gim)].map(([, value]) => `Route: ${value}\r\n`);
    call.routes = routes.toReversed().join('');
    const to = audioAddress(message);
    if (this.#request?.rtp && to !== null) this.sound.start(call.record.callId, to);
    call.timer = setTimeout(() => this.#leave(call), this.#request?.holdMs ?? 0);
  }

  #leave(call: RunningCall): void {
    call.state = 'leaving';
    this.sound.stop(call.record.callId);
    const bye = this.#build(call, 'BYE', 2, call.contact);
    call.sentMs = performance.now();
    call.record.talkMs = call.sentMs - call.answeredMs;
    this.#send(bye);
    this.#repeat(call, bye, 'leaving', T1_MS);
    call.limit = setTimeout(() => this.#over(call, 'bye-timeout'), LIMIT_MS);
  }

  /** A BYE of theirs ends a call that we wanted to hold: that is a failure. Anything else gets its 200. */
  #receiveRequest(message: string, call: RunningCall | undefined): void {
    const method = message.slice(0, message.indexOf(' '));
    if (method === 'ACK') return;
    const { host, sipPort, rtpPort } = this.options;
    const answer =
      method === 'INVITE'
        ? { extra: `Contact: <sip:bench@${host}:${sipPort}>\r\n`, body: audioSdp(host, rtpPort) }
        : {};
    this.#send(response(message, '200 OK', answer));
    if (method !== 'BYE' || call?.state !== 'talking') return;
    call.record.talkMs = performance.now() - call.answeredMs;
    this.#over(call, 'hung-up-on');
  }

  #over(call: RunningCall, outcome: string): void {
    if (call.state === 'over') return;
    call.state = 'over';
    call.record.outcome = outcome;
    clearTimeout(call.timer);
    clearTimeout(call.limit);
    this.sound.stop(call.record.callId);
    setTimeout(() => this.#calls.delete(call.record.callId), LINGER_MS);
    this.#unfinished -= 1;
    if (this.#unfinished === 0) this.#finished();
  }
}

function emptyResult(): RunResult {
  return { calls: [], offeredMs: 0, inviteRetransmissions: 0, byeRetransmissions: 0, rtpSent: 0, rtpReceived: 0 };
}
