import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface ProxyHooks {
  /** A chunk on its way from the client; what was written at once comes as one chunk on loopback. */
  onRequest?: (chunk: Buffer) => void;
  /** A chunk on its way back, at the moment it is passed on. */
  onReply?: (chunk: Buffer) => void;
}

/** Passes TCP on, looks at it, and may hold replies back, so that round trips can be told apart. */
export class TcpProxy {
  replyDelayMs = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly host: string,
  ) {}

  static async start(host: string, to: { host: string; port: number }, hooks: ProxyHooks): Promise<TcpProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new TcpProxy(server, host);
    server.on('connection', (client) => proxy.#join(client, connect({ ...to, noDelay: true }), hooks));
    server.listen(0, host);
    await once(server, 'listening');
    return proxy;
  }

  get address(): { host: string; port: number } {
    return { host: this.host, port: (this.server.address() as AddressInfo).port };
  }

  stop(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, upstream: Socket, { onRequest, onReply }: ProxyHooks): void {
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined); // both ends learn by the close
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      onRequest?.(chunk);
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      const pass = (): void => {
        onReply?.(chunk);
        client.write(chunk);
      };
      if (this.replyDelayMs > 0) setTimeout(pass, this.replyDelayMs);
      else pass();
    });
  }
}
