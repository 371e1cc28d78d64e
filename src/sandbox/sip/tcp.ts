import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { StreamFramer } from './framing.js';
import type { Hop } from './hop.js';

/** What TLS on our side shows of itself, and wants to see: PEM. */
export interface TlsIdentity {
  key: string;
  cert: string;
  /** By whom both sides' certificates must be; without it any will do, or none of a client. Names are not compared. */
  ca?: string;
}

interface Connection {
  readonly id: number;
  readonly hop: Hop;
  readonly socket: Socket;
}

const MAX_CONNECTIONS = 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const PONG = Buffer.from('\r\n');

/**
 * The connections of one listening port, in both directions, found again by the other side's address: TCP, or TLS for who has
 * an identity. Certificates are looked at as drachtio-server does: not at all, or as far as their authority.
 */
export class TcpConnections {
  /** `broken` messages come too, for the parser to say what is wrong with them; the connection is closed after. */
  onMessage: (data: Buffer, from: Hop, connectionId: number) => void = () => undefined;
  onUnreachable: (hop: Hop, error: Error) => void = () => undefined;
  readonly #byId = new Map<number, Connection>();
  readonly #byPeer = new Map<string, Connection>();
  #lastId = 0;
  #closed = false;

  private constructor(
    readonly host: string,
    private readonly server: Server,
    private readonly tls: TlsIdentity | undefined,
  ) {
    server.maxConnections = MAX_CONNECTIONS;
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => this.#accept(socket));
    server.on('error', () => undefined);
  }

  static async listen(host: string, port: number, tls?: TlsIdentity): Promise<TcpConnections> {
    const options = { noDelay: true, keepAlive: true };
    const server = tls
      ? createTlsServer({ ...options, ...tls, requestCert: tls.ca !== undefined })
      : createServer(options);
    const listening = once(server, 'listening');
    server.listen(port, host);
    await listening;
    return new TcpConnections(host, server, tls);
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Sends by the connection to that address, opening it where there is none (RFC 3261 18.1.1). */
  send(data: Buffer, hop: Hop): void {
    const known = this.#byPeer.get(peerKey(hop));
    const connection = known?.socket.writable === true ? known : this.#open(hop);
    connection.socket.write(data);
  }

  /** False when that connection is gone. */
  sendOn(data: Buffer, connectionId: number | undefined): boolean {
    const connection = connectionId === undefined ? undefined : this.#byId.get(connectionId);
    if (!connection?.socket.writable) return false;
    connection.socket.write(data);
    return true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { socket } of this.#byId.values()) socket.destroy();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }

  #accept(socket: Socket): void {
    if (socket.remoteAddress === undefined || socket.remotePort === undefined) {
      socket.destroy();
      return;
    }
    const protocol = this.tls ? 'tls' : 'tcp';
    this.#add(socket, { protocol, address: plainAddress(socket.remoteAddress), port: socket.remotePort });
  }

  #open(hop: Hop): Connection {
    const options = { host: hop.address, port: hop.port, localAddress: this.host, noDelay: true };
    const socket = this.tls
      ? connectTls({
          ...this.tls,
          ...options,
          rejectUnauthorized: this.tls.ca !== undefined,
          checkServerIdentity: () => undefined,
        })
      : createConnection(options);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('connecting timed out')));
    socket.once(this.tls ? 'secureConnect' : 'connect', () => socket.setTimeout(0));
    return this.#add(socket, hop);
  }

  #add(socket: Socket, hop: Hop): Connection {
    const connection: Connection = { id: ++this.#lastId, hop, socket };
    this.#byId.set(connection.id, connection);
    this.#byPeer.set(peerKey(hop), connection);
    const framer = new StreamFramer();
    socket.on('data', (chunk) => this.#read(connection, framer, chunk));
    socket.on('error', (error) => {
      this.#remove(connection);
      if (!this.#closed) this.onUnreachable(hop, error);
    });
    socket.on('close', () => this.#remove(connection));
    return connection;
  }

  #read(connection: Connection, framer: StreamFramer, chunk: Buffer): void {
    for (const frame of framer.push(chunk)) {
      if (frame.kind === 'ping') connection.socket.write(PONG);
      else this.onMessage(frame.data, connection.hop, connection.id);
      if (frame.kind === 'broken') connection.socket.end();
    }
  }

  #remove(connection: Connection): void {
    this.#byId.delete(connection.id);
    if (this.#byPeer.get(peerKey(connection.hop)) === connection) this.#byPeer.delete(peerKey(connection.hop));
  }
}

const peerKey = (hop: Hop): string => `${hop.address}:${hop.port}`;

const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
