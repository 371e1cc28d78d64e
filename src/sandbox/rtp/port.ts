import { createSocket, type Socket } from 'node:dgram';

export interface PortRange {
  min: number;
  max: number;
}

/** A range out of the way of Linux's ephemeral ports (32768 up) and of the usual SIP ports. */
const DEFAULT_PORT_RANGE: PortRange = { min: 20000, max: 29998 };

interface PortStats {
  packetsIn: number;
  packetsOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Datagrams that were no RTP, or came from elsewhere than the negotiated address. */
  discarded: number;
  sendErrors: number;
}

type DatagramHandler = (datagram: Buffer, address: string, port: number) => void;

/** Addresses are literal here, and node's default look-up costs a trip through the event loop for each packet. */
const literalLookup = (
  address: string,
  _options: unknown,
  callback: (error: Error | null, address: string, family: number) => void,
): void => callback(null, address, address.includes(':') ? 6 : 4);

const nextPort = new Map<string, number>();

/** An RTP socket on an even port with its RTCP neighbour (RFC 3550 section 11), both held until `close`. */
export class RtpPort {
  readonly stats: PortStats = { packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, discarded: 0, sendErrors: 0 };
  onDatagram: DatagramHandler | undefined;

  private constructor(
    readonly address: string,
    readonly port: number,
    private readonly rtp: Socket,
    private readonly rtcp: Socket,
  ) {
    rtp.on('message', (datagram, from) => {
      this.stats.packetsIn += 1;
      this.stats.bytesIn += datagram.length;
      this.onDatagram?.(datagram, from.address, from.port);
    });
    // ICMP "port unreachable" of a peer that is gone surfaces here; the media timeout deals with such a peer.
    rtp.on('error', () => (this.stats.sendErrors += 1));
    rtcp.on('error', () => undefined);
  }

  /** Takes the next free pair of `range` on `address`; rejects when the range has none left. */
  static async open(address: string, range: PortRange = DEFAULT_PORT_RANGE): Promise<RtpPort> {
    const first = range.min + (range.min % 2);
    const pairs = Math.floor((range.max - first + 1) / 2);
    // Round robin: a port that has just been closed may still get the last call's packets.
    let port = nextPort.get(`${address}:${first}`) ?? first + 2 * Math.floor(Math.random() * pairs);
    for (let tried = 0; tried < pairs; tried++) {
      if (port + 1 > range.max) port = first;
      const candidate = port;
      port += 2;
      nextPort.set(`${address}:${first}`, port);
      const pair = await bindPair(address, candidate);
      if (pair !== undefined) return new RtpPort(address, candidate, pair[0], pair[1]);
    }
    throw new Error(`no free RTP port between ${range.min} and ${range.max} on ${address}`);
  }

  /** Sends at once; `octets` may be reused after some ticks only, since a full socket buffer delays the sending. */
  send(octets: Buffer, length: number, port: number, address: string): void {
    this.stats.packetsOut += 1;
    this.stats.bytesOut += length;
    this.rtp.send(octets, 0, length, port, address);
  }

  async close(): Promise<void> {
    this.onDatagram = undefined;
    await Promise.all([this.rtp, this.rtcp].map((socket) => new Promise<void>((done) => socket.close(() => done()))));
  }
}

async function bindPair(address: string, port: number): Promise<[Socket, Socket] | undefined> {
  const rtp = await bindOne(address, port);
  if (rtp === undefined) return undefined;
  const rtcp = await bindOne(address, port + 1);
  if (rtcp !== undefined) return [rtp, rtcp];
  rtp.close();
  return undefined;
}

/** The bound socket; undefined when the port is taken. */
function bindOne(address: string, port: number): Promise<Socket | undefined> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', lookup: literalLookup });
  return new Promise((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
