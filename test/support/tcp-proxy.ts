import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A wire between the gateway and an engine that a test may cut, freeze or hold, and join again; the engine itself goes on. */
export class TcpProxy {
  readonly #sockets = new Set<Socket>();
  /** Where what comes from a socket goes. */
  readonly #ways = new Map<Socket, Socket>();
  #state: 'joined' | 'cut' | 'frozen' = 'joined';

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (socket) => this.#pass(socket));
  }

  static async open(target: { host: string; port: number }): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target);
  }

  get host(): string {
    return '127.0.0.1';
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Sockets that stand, both sides of what passes among them. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Breaks every connection; new ones are broken too until `join`. */
  cut(): void {
    this.#state = 'cut';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As if the host behind it had vanished: connections stand and can be opened, and nothing passes any more, no FIN either. */
  freeze(): void {
    this.#state = 'frozen';
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  join(): void {
    this.#state = 'joined';
  }

  /** What is said on the connections that stand waits, in both directions, until `release`: nothing of it is lost. */
  hold(): void {
    for (const [from, to] of this.#ways) from.unpipe(to).pause();
  }

  release(): void {
    for (const [from, to] of this.#ways) from.pipe(to);
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  #pass(near: Socket): void {
    near.on('error', () => undefined); // a cut wire is what the test is about
    if (this.#state === 'cut') near.destroy();
    if (this.#state === 'frozen') this.#sockets.add(near);
    if (this.#state !== 'joined') return;
    const far = connect({ ...this.target, noDelay: true });
    near.setNoDelay(true);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      this.#ways.set(one, other);
      one.pipe(other);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        this.#ways.delete(one);
        other.destroy();
      });
    }
  }
}
