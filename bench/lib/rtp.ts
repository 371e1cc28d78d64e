import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encodeG711 } from '../../src/sandbox/rtp/g711.js';
import { ToneGenerator } from '../../src/sandbox/rtp/tone.js';
import type { Address } from './sip-text.js';

const FRAME_MS = 20;
const FRAME_SAMPLES = 160;
const HEADER_BYTES = 12;
/** Short against a frame, so that calls which began at different moments do not send in one burst. */
const POLL_MS = 4;
/** After a longer stop of this process the lost frames stay lost. */
const MAX_CATCH_UP = 25;
/** One second of tone, played over and over: 440 Hz and 1130 Hz both fit in whole periods. */
const LOOP_FRAMES = 50;

interface Stream {
  to: Address;
  sequence: number;
  ssrc: number;
  dueMs: number;
}

/** Sends a tone on every running call and counts what comes back; one socket and one clock for all of them. */
export class RtpSource {
  sent = 0;
  received = 0;
  readonly #frames: Buffer[];
  readonly #streams = new Map<string, Stream>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly socket: Socket,
    toneHz: number,
  ) {
    this.#frames = toneFrames(toneHz);
    socket.on('message', () => (this.received += 1));
  }

  static async open(host: string, port: number, toneHz: number): Promise<RtpSource> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
    socket.bind({ address: host, port, exclusive: true });
    await once(socket, 'listening');
    return new RtpSource(socket, toneHz);
  }

  start(callId: string, to: Address): void {
    if (this.#streams.has(callId)) return;
    const ssrc = Math.floor(Math.random() * 2 ** 32);
    this.#streams.set(callId, { to, sequence: 0, ssrc, dueMs: performance.now() });
    this.#timer ??= setInterval(() => this.#sendDue(), POLL_MS);
  }

  stop(callId: string): void {
    this.#streams.delete(callId);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sendDue(): void {
    const now = performance.now();
    for (const stream of this.#streams.values()) {
      if (now - stream.dueMs > MAX_CATCH_UP * FRAME_MS) stream.dueMs = now;
      while (stream.dueMs <= now) {
        this.#send(stream);
        stream.dueMs += FRAME_MS;
      }
    }
  }

  #send(stream: Stream): void {
    const { sequence, ssrc, to } = stream;
    const packet = Buffer.allocUnsafe(HEADER_BYTES + FRAME_SAMPLES);
    packet[0] = 0x80;
    packet[1] = sequence === 0 ? 0x88 : 8; // the marker opens a talk spurt (RFC 3551 4.1)
    packet.writeUInt16BE(sequence & 0xffff, 2);
    packet.writeUInt32BE((sequence * FRAME_SAMPLES) >>> 0, 4);
    packet.writeUInt32BE(ssrc, 8);
    this.#frames[sequence % LOOP_FRAMES]?.copy(packet, HEADER_BYTES);
    this.socket.send(packet, to.port, to.host);
    stream.sequence += 1;
    this.sent += 1;
  }
}

function toneFrames(toneHz: number): Buffer[] {
  const tone = new ToneGenerator([toneHz]);
  return Array.from({ length: LOOP_FRAMES }, () => {
    const samples = new Int16Array(FRAME_SAMPLES);
    tone.fill(samples);
    const octets = Buffer.alloc(FRAME_SAMPLES);
    encodeG711('alaw', samples, octets, 0, FRAME_SAMPLES);
    return octets;
  });
}
