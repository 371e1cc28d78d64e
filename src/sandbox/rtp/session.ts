import { randomInt } from 'node:crypto';
import { decodeG711, encodeG711, type G711Law } from './g711.js';
import { JitterBuffer } from './jitter-buffer.js';
import { emptyHeader, FRAME_SAMPLES, readRtpHeader, RTP_HEADER_BYTES, writeRtpHeader } from './packet.js';
import type { RtpPort } from './port.js';
import { SrtpContext } from './srtp.js';
import {
  TELEPHONE_EVENT_BYTES,
  TelephoneEventReceiver,
  TelephoneEventSender,
  type KeyPress,
} from './telephone-event.js';

interface Codec {
  law: G711Law;
  payloadType: number;
}

/** What SDP negotiation settled for one audio stream. */
export interface RtpParameters extends Codec {
  remoteAddress: string;
  remotePort: number;
  /** One more that both know: who speaks by it is answered by it. */
  other?: Codec | undefined;
  /** The payload type the peer wants telephone-events with; undefined when it offered none. */
  telephoneEventPayloadType?: number | undefined;
  /** The payload type we announced for telephone-events, when it differs. */
  localTelephoneEventPayloadType?: number | undefined;
  send: boolean;
  receive: boolean;
  /** Base64 of key and salt, each side's own; undefined in the clear. */
  srtp?: { send: string; receive: string } | undefined;
}

const MAX_PACKET_SAMPLES = 1600;
/** Buffers in turn: a datagram that the socket could not send at once may still be read some ticks later. */
const SEND_BUFFERS = 8;

/**
 * One RTP stream in both directions over one port: `pull` takes the frame that was heard, `push` sends one.
 * Both are called once a tick by whoever mixes; the session itself keeps no timer.
 */
export class RtpSession {
  onKey: ((press: KeyPress) => void) | undefined;
  /** Milliseconds of a steady clock of the last packet that was accepted, or of the start. */
  lastReceivedAt = performance.now();
  packetsReceived = 0;
  packetsSent = 0;
  #parameters: RtpParameters | undefined;
  readonly #buffer = new JitterBuffer();
  readonly #header = emptyHeader();
  readonly #samples = new Int16Array(MAX_PACKET_SAMPLES);
  readonly #eventsIn = new TelephoneEventReceiver();
  readonly #eventsOut = new TelephoneEventSender();
  readonly #out = Array.from({ length: SEND_BUFFERS }, () => Buffer.alloc(RTP_HEADER_BYTES + FRAME_SAMPLES));
  readonly #outHeader = { payloadType: 0, marker: true, sequence: randomInt(65536), timestamp: 0, ssrc: 0 };
  #sealing: SrtpContext | undefined;
  #opening: SrtpContext | undefined;
  #outIndex = 0;
  #clock = randomInt(2 ** 31);
  #eventTimestamp = 0;

  /** `acceptAnySource`: take RTP from elsewhere than the negotiated address and port too (phones behind NAT). */
  constructor(
    readonly port: RtpPort,
    private readonly acceptAnySource = true,
  ) {
    this.#outHeader.ssrc = randomInt(2 ** 31);
    port.onDatagram = (datagram, ...source) => this.#receive(datagram, ...source);
  }

  get parameters(): RtpParameters | undefined {
    return this.#parameters;
  }

  /** Starts the stream, or moves it to a new address, codec or direction after a re-INVITE. */
  configure(parameters: RtpParameters): void {
    if (this.#parameters?.receive === true && !parameters.receive) this.#buffer.clear();
    this.#parameters = parameters;
    // A stream goes on under the same key: its count of rounds with it.
    this.#sealing = contextFor(parameters.srtp?.send, this.#sealing);
    this.#opening = contextFor(parameters.srtp?.receive, this.#opening);
    this.lastReceivedAt = performance.now();
    this.#outHeader.marker = true;
  }

  /** Sends the keys of `digits` one after the other, in place of speech. */
  sendKeys(digits: string, durationMs?: number): void {
    for (const digit of digits) this.#eventsOut.press(digit, durationMs);
  }

  /** The frame heard in this tick; false when it is silence because nothing came. */
  pull(frame: Int16Array): boolean {
    if (this.#parameters?.receive !== true) {
      frame.fill(0);
      return false;
    }
    return this.#buffer.pull(frame);
  }

  /** Sends the frame of this tick; `undefined` lets the time go by without sending, as in silence suppression. */
  push(frame: Int16Array | undefined): void {
    const parameters = this.#parameters;
    this.#clock = (this.#clock + FRAME_SAMPLES) >>> 0;
    if (parameters === undefined || !parameters.send || parameters.remotePort === 0) return;
    if (this.#eventsOut.busy && parameters.telephoneEventPayloadType !== undefined) {
      this.#sendKey(parameters, parameters.telephoneEventPayloadType);
      return;
    }
    if (frame === undefined) {
      this.#outHeader.marker = true;
      return;
    }
    const octets = this.#nextBuffer();
    encodeG711(parameters.law, frame, octets, RTP_HEADER_BYTES, FRAME_SAMPLES);
    this.#send(octets, RTP_HEADER_BYTES + FRAME_SAMPLES, parameters.payloadType, this.#clock);
  }

  async close(): Promise<void> {
    this.onKey = undefined;
    await this.port.close();
  }

  #sendKey(parameters: RtpParameters, payloadType: number): void {
    if (this.#eventsOut.starting) this.#eventTimestamp = this.#clock;
    const packet = this.#eventsOut.next();
    if (packet === undefined) return;
    const octets = this.#nextBuffer();
    packet.octets.copy(octets, RTP_HEADER_BYTES);
    this.#outHeader.marker = packet.marker;
    this.#send(octets, RTP_HEADER_BYTES + TELEPHONE_EVENT_BYTES, payloadType, this.#eventTimestamp, parameters);
    this.#outHeader.marker = !this.#eventsOut.busy;
  }

  #nextBuffer(): Buffer {
    this.#outIndex = (this.#outIndex + 1) % SEND_BUFFERS;
    return this.#out[this.#outIndex] ?? Buffer.alloc(RTP_HEADER_BYTES + FRAME_SAMPLES);
  }

  #send(octets: Buffer, length: number, payloadType: number, timestamp: number, parameters = this.#parameters): void {
    if (parameters === undefined) return;
    this.#outHeader.payloadType = payloadType;
    this.#outHeader.timestamp = timestamp;
    this.#outHeader.sequence = (this.#outHeader.sequence + 1) & 0xffff;
    writeRtpHeader(octets, this.#outHeader);
    this.#outHeader.marker = false;
    this.packetsSent += 1;
    const sealed = this.#sealing?.protect(octets, length);
    this.port.send(sealed ?? octets, sealed?.length ?? length, parameters.remotePort, parameters.remoteAddress);
  }

  #receive(received: Buffer, address: string, port: number): void {
    const parameters = this.#parameters;
    const header = this.#header;
    const datagram = this.#opening ? this.#opening.unprotect(received) : received;
    const wanted =
      datagram !== undefined &&
      parameters !== undefined &&
      (this.acceptAnySource || (address === parameters.remoteAddress && port === parameters.remotePort)) &&
      readRtpHeader(datagram, header);
    if (!wanted) {
      this.port.stats.discarded += 1;
      return;
    }
    this.lastReceivedAt = performance.now();
    this.packetsReceived += 1;
    if (header.payloadType === parameters.payloadType) this.#receiveAudio(datagram, parameters);
    else if (header.payloadType === parameters.other?.payloadType) {
      const { law, payloadType, other } = parameters;
      this.#parameters = { ...parameters, ...other, other: { law, payloadType } };
      this.#receiveAudio(datagram, this.#parameters);
    } else if (
      header.payloadType === (parameters.localTelephoneEventPayloadType ?? parameters.telephoneEventPayloadType)
    ) {
      const press = this.#eventsIn.receive(datagram, header.payloadStart, header.timestamp);
      if (press !== undefined) this.onKey?.(press);
    }
  }

  #receiveAudio(datagram: Buffer, parameters: RtpParameters): void {
    if (!parameters.receive) return;
    const { payloadStart, payloadEnd, timestamp, ssrc } = this.#header;
    const count = Math.min(payloadEnd - payloadStart, MAX_PACKET_SAMPLES);
    decodeG711(parameters.law, datagram, payloadStart, this.#samples, count);
    this.#buffer.push(this.#samples, count, timestamp, ssrc);
  }
}

function contextFor(inline: string | undefined, present: SrtpContext | undefined): SrtpContext | undefined {
  if (inline === undefined) return undefined;
  return present?.inline === inline ? present : new SrtpContext(inline);
}
