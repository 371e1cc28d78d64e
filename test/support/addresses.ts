import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/**
 * A block of loopback addresses (127.x.y.0/24) for one test world. All of 127.0.0.0/8 is loopback on Linux, so every
 * caller and every business gets an address of its own and may use the usual ports: nothing collides, and trunks are
 * told apart by their source address as in real life.
 */
export class AddressBlock {
  #carriers = 64;
  #businesses = 128;
  #strangers = 224;

  private constructor(
    private readonly prefix: string,
    private readonly claim: Socket,
  ) {}

  /** Claims a free block by holding a socket in it, so that worlds of other processes take other blocks. */
  static async claim(): Promise<AddressBlock> {
    for (let attempt = 0; attempt < 50; attempt++) {
      const prefix = `127.${1 + Math.floor(Math.random() * 253)}.${Math.floor(Math.random() * 256)}`;
      const socket = createSocket({ type: 'udp4' });
      try {
        socket.bind({ address: `${prefix}.1`, port: 9, exclusive: true });
        await once(socket, 'listening');
        socket.unref();
        return new AddressBlock(prefix, socket);
      } catch {
        socket.close();
      }
    }
    throw new Error('no free block of loopback addresses');
  }

  /** Where the engines listen. FreeSWITCH's dial-back comes from here, so no trunk may own it. */
  get engines(): string {
    return `${this.prefix}.1`;
  }

  /** Where a second gateway's engines listen. */
  get peerEngines(): string {
    return `${this.prefix}.2`;
  }

  /** Where engines behind NAT have their sound, and what the router in front of them would be reached by. */
  get behindNat(): { address: string; publicAddress: string } {
    return { address: `${this.prefix}.3`, publicAddress: `${this.prefix}.4` };
  }

  /** Where the trunk's calls may come from. */
  get carrierRange(): string {
    return `${this.prefix}.64/26`;
  }

  carrier(): string {
    return this.#next(this.#carriers++, 128);
  }

  business(): string {
    return this.#next(this.#businesses++, 224);
  }

  /** Belongs to no trunk. */
  stranger(): string {
    return this.#next(this.#strangers++, 255);
  }

  release(): void {
    this.claim.close();
  }

  #next(host: number, end: number): string {
    if (host >= end) throw new Error('this block of loopback addresses is used up');
    return `${this.prefix}.${host}`;
  }
}
