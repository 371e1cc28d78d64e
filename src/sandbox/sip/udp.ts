import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Hop } from './hop.js';

interface Peer {
  socket: Socket;
  lastUsedMs: number;
  /** What is to be sent as soon as the socket is connected; null from then on. */
  waiting: (() => void)[] | null;
}

/** Watched peers at a time; more are served without notice of ICMP errors. */
const MAX_PEERS = 64;
const PEER_IDLE_MS = 30_000;
const BUFFER_BYTES = 1 << 20;

/**
 * One UDP port. An unconnected socket never learns that a port is closed, so requests leave by a second socket bound to
 * the same port and connected to the peer: there the kernel reports ICMP port unreachable, as IP_RECVERR does for others.
 */
export class UdpSockets {
  onDatagram: (data: Buffer, from: { address: string; port: number }) => void = () => undefined;
  onUnreachable: (hop: Hop, error: Error) => void = () => undefined;
  /** Stays known after `close`. */
  readonly port: number;
  readonly #peers = new Map<string, Peer>();
  readonly #sweep: NodeJS.Timeout;
  #closed = false;

  private constructor(
    readonly host: string,
    private readonly main: Socket,
  ) {
    this.port = main.address().port;
    this.#listenOn(main);
    main.on('error', () => undefined);
    this.#sweep = setInterval(() => this.#closeIdlePeers(), PEER_IDLE_MS);
    this.#sweep.unref();
  }

  static async bind(host: string, port: number): Promise<UdpSockets> {
    const socket = newSocket(host);
    const bound = once(socket, 'listening');
    socket.bind({ address: host, port });
    await bound;
    enlargeBuffers(socket);
    return new UdpSockets(host, socket);
  }

  /** Sends and watches for the answer "nobody listens there". */
  send(data: Buffer, hop: Hop): void {
    const peer = this.#peers.get(peerKey(hop)) ?? this.#addPeer(hop);
    if (!peer) {
      this.sendUnwatched(data, hop);
      return;
    }
    peer.lastUsedMs = Date.now();
    const send = (): void =>
      peer.socket.send(data, (error) => {
        if (error) this.#report(hop, error);
      });
    if (peer.waiting) peer.waiting.push(send);
    else send();
  }

  sendUnwatched(data: Buffer, hop: Hop): void {
    this.main.send(data, hop.port, hop.address, () => undefined);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const { socket } of this.#peers.values()) closeSocket(socket);
    this.#peers.clear();
    const closed = once(this.main, 'close');
    this.main.close();
    await closed;
  }

  #addPeer(hop: Hop): Peer | undefined {
    if (this.#peers.size >= MAX_PEERS) return undefined;
    const socket = newSocket(this.host);
    const peer: Peer = { socket, lastUsedMs: Date.now(), waiting: [] };
    this.#peers.set(peerKey(hop), peer);
    this.#listenOn(socket);
    socket.on('error', (error) => this.#report(hop, error));
    socket.once('connect', () => {
      const waiting = peer.waiting ?? [];
      peer.waiting = null;
      for (const send of waiting) send();
    });
    socket.bind({ address: this.host, port: this.port }, () => {
      if (!this.#closed) socket.connect(hop.port, hop.address);
    });
    return peer;
  }

  #report(hop: Hop, error: Error): void {
    if (!this.#closed) this.onUnreachable(hop, error);
  }

  #listenOn(socket: Socket): void {
    socket.on('message', (data, from) => this.onDatagram(data, from));
  }

  #closeIdlePeers(): void {
    const oldest = Date.now() - PEER_IDLE_MS;
    for (const [key, peer] of this.#peers) {
      if (peer.lastUsedMs > oldest) continue;
      this.#peers.delete(key);
      closeSocket(peer.socket);
    }
  }
}

const peerKey = (hop: Hop): string => `${hop.address}:${hop.port}`;

function newSocket(host: string): Socket {
  return createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', reuseAddr: true });
}

function closeSocket(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // closed already, by an error of its own
  }
}

function enlargeBuffers(socket: Socket): void {
  socket.setRecvBufferSize(BUFFER_BYTES);
  socket.setSendBufferSize(BUFFER_BYTES);
}
