import { EventEmitter } from 'node:events';
import type { Arrival, Hop } from './hop.js';
import type { Malformed } from './parse.js';
import type { SipMessage } from './message.js';
import { parseMessage } from './parse.js';
import { TcpConnections } from './tcp.js';
import { UdpSockets } from './udp.js';

export interface TransportOptions {
  host: string;
  /** 0 or absent = any port that is free for UDP and TCP alike. */
  port?: number;
}

/** What could not be read is counted here, never thrown. */
export interface TransportCounters {
  received: number;
  sent: number;
  malformed: number;
  /** Messages whose handling threw: defects of ours. */
  faults: number;
}

/** A port given by the system for TCP may be taken on UDP; then another pair is tried. */
const PORT_ATTEMPTS = 20;

/** UDP and TCP on one port of one address (RFC 3261 18). */
export class SipTransport extends EventEmitter<{
  message: [SipMessage, Arrival];
  malformed: [Malformed, Arrival];
  /** What was wrong with a message, and what its sender was told; null: nothing. For whoever keeps a log. */
  refused: [{ reason: string; status: number | null }, Arrival];
  /** Nobody listens there: ICMP port unreachable, TCP refused or reset. */
  unreachable: [Hop, Error];
}> {
  readonly counters: TransportCounters = { received: 0, sent: 0, malformed: 0, faults: 0 };
  readonly #udp: UdpSockets;
  readonly #tcp: TcpConnections;
  #closed = false;

  private constructor(
    readonly host: string,
    udp: UdpSockets,
    tcp: TcpConnections,
  ) {
    super();
    this.#udp = udp;
    this.#tcp = tcp;
    udp.onDatagram = (data, from) =>
      this.#receive(data, { ...from, protocol: 'udp', ...this.#local, connectionId: undefined });
    udp.onUnreachable = (hop, error) => this.emit('unreachable', hop, error);
    tcp.onMessage = (data, from, connectionId) => this.#receive(data, { ...from, ...this.#local, connectionId });
    tcp.onUnreachable = (hop, error) => this.emit('unreachable', hop, error);
  }

  static async listen(options: TransportOptions): Promise<SipTransport> {
    for (let attempt = 1; ; attempt++) {
      // TCP first: UDP sockets here share their port with their own peers' sockets, so only TCP tells who owns it.
      const tcp = await TcpConnections.listen(options.host, options.port ?? 0);
      try {
        return new SipTransport(options.host, await UdpSockets.bind(options.host, tcp.port), tcp);
      } catch (error) {
        await tcp.close();
        if ((options.port ?? 0) !== 0 || attempt >= PORT_ATTEMPTS) throw error;
      }
    }
  }

  get port(): number {
    return this.#udp.port;
  }

  /** TCP connections that are open now, in either direction. */
  get connectionCount(): number {
    return this.#tcp.size;
  }

  /** Sends a request, or anything else that may have to open a connection. */
  send(data: Buffer, hop: Hop): void {
    if (this.#closed) return;
    this.counters.sent += 1;
    if (hop.protocol === 'tcp') this.#tcp.send(data, hop);
    else this.#udp.send(data, hop);
  }

  /** Sends a response back to where its request came from: the same connection, or `hop` when that is gone. */
  sendBack(data: Buffer, arrival: Arrival, hop: Hop): void {
    if (this.#closed) return;
    this.counters.sent += 1;
    if (hop.protocol === 'udp') this.#udp.sendUnwatched(data, hop);
    else if (!this.#tcp.sendOn(data, arrival.connectionId)) this.#tcp.send(data, hop);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#udp.close(), this.#tcp.close()]);
    this.removeAllListeners();
  }

  get #local(): { localAddress: string; localPort: number } {
    return { localAddress: this.host, localPort: this.port };
  }

  #receive(data: Buffer, arrival: Arrival): void {
    if (this.#closed || isKeepAlive(data)) return;
    this.counters.received += 1;
    try {
      this.#dispatch(parseMessage(data), arrival);
    } catch (error) {
      // A defect of ours must not take the sockets down with it, and must not go unseen either.
      this.counters.faults += 1;
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }

  #dispatch(message: SipMessage | Malformed, arrival: Arrival): void {
    if (message.kind === 'malformed') {
      this.counters.malformed += 1;
      this.emit('malformed', message, arrival);
      const { reason, request, status } = message;
      const answered = request !== undefined && request.method !== 'ACK';
      this.emit('refused', { reason, status: answered ? status : null }, arrival);
    } else {
      this.emit('message', message, arrival);
    }
  }
}

/** Empty lines, and the null octets that some phones keep their NAT binding open with. */
function isKeepAlive(data: Buffer): boolean {
  return data.length <= 8 && data.every((octet) => octet === 0x0d || octet === 0x0a || octet === 0 || octet === 0x20);
}
