import { EventEmitter } from 'node:events';
import type { Arrival, Hop, Protocol } from './hop.js';
import type { Malformed } from './parse.js';
import type { SipMessage } from './message.js';
import { parseMessage } from './parse.js';
import { TcpConnections, type TlsIdentity } from './tcp.js';
import { UdpSockets } from './udp.js';

export interface TransportOptions {
  host: string;
  /** 0 or absent = any port that is free for UDP and TCP alike. */
  port?: number;
  /** TLS beside them, on a port of its own; 0 or absent = any free one. */
  tls?: TlsIdentity & { port?: number };
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

/** UDP and TCP on one port of one address, and TLS on another one where it is asked for (RFC 3261 18). */
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
  readonly #tls: TcpConnections | undefined;
  #closed = false;

  private constructor(
    readonly host: string,
    udp: UdpSockets,
    tcp: TcpConnections,
    tls: TcpConnections | undefined,
  ) {
    super();
    this.#udp = udp;
    this.#tcp = tcp;
    this.#tls = tls;
    udp.onDatagram = (data, from) =>
      this.#receive(data, { ...from, protocol: 'udp', ...this.#local('udp'), connectionId: undefined });
    udp.onUnreachable = (hop, error) => this.emit('unreachable', hop, error);
    for (const connections of this.#connections) {
      connections.onMessage = (data, from, connectionId) =>
        this.#receive(data, { ...from, ...this.#local(from.protocol), connectionId });
      connections.onUnreachable = (hop, error) => this.emit('unreachable', hop, error);
    }
  }

  static async listen(options: TransportOptions): Promise<SipTransport> {
    const { host, tls } = options;
    const secure = tls && (await TcpConnections.listen(host, tls.port ?? 0, tls));
    try {
      return await SipTransport.#listenPlain(options, secure);
    } catch (error) {
      await secure?.close();
      throw error;
    }
  }

  static async #listenPlain(options: TransportOptions, tls: TcpConnections | undefined): Promise<SipTransport> {
    for (let attempt = 1; ; attempt++) {
      // TCP first: UDP sockets here share their port with their own peers' sockets, so only TCP tells who owns it.
      const tcp = await TcpConnections.listen(options.host, options.port ?? 0);
      try {
        return new SipTransport(options.host, await UdpSockets.bind(options.host, tcp.port), tcp, tls);
      } catch (error) {
        await tcp.close();
        if ((options.port ?? 0) !== 0 || attempt >= PORT_ATTEMPTS) throw error;
      }
    }
  }

  get port(): number {
    return this.#udp.port;
  }

  /** Where `protocol` is taken; undefined where it is not. */
  portOf(protocol: Protocol): number | undefined {
    return protocol === 'tls' ? this.#tls?.port : this.port;
  }

  /** TCP and TLS connections that are open now, in either direction. */
  get connectionCount(): number {
    return this.#connections.reduce((count, { size }) => count + size, 0);
  }

  /** Sends a request, or anything else that may have to open a connection. */
  send(data: Buffer, hop: Hop): void {
    if (this.#closed) return;
    this.counters.sent += 1;
    if (hop.protocol === 'udp') this.#udp.send(data, hop);
    else this.#by(hop.protocol).send(data, hop);
  }

  /** Sends a response back to where its request came from: the same connection, or `hop` when that is gone. */
  sendBack(data: Buffer, arrival: Arrival, hop: Hop): void {
    if (this.#closed) return;
    this.counters.sent += 1;
    if (hop.protocol === 'udp') this.#udp.sendUnwatched(data, hop);
    else if (!this.#by(hop.protocol).sendOn(data, arrival.connectionId)) this.#by(hop.protocol).send(data, hop);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#udp, ...this.#connections].map((one) => one.close()));
    this.removeAllListeners();
  }

  get #connections(): readonly TcpConnections[] {
    return this.#tls ? [this.#tcp, this.#tls] : [this.#tcp];
  }

  /** Nothing is resolved to TLS, and nothing has come by it, where there is none. */
  #by(protocol: Exclude<Protocol, 'udp'>): TcpConnections {
    const connections = protocol === 'tls' ? this.#tls : this.#tcp;
    if (!connections) throw new Error(`no ${protocol} here`);
    return connections;
  }

  #local(protocol: Protocol): { localAddress: string; localPort: number } {
    return { localAddress: this.host, localPort: this.portOf(protocol) ?? this.port };
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
