import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import type { SipTimers, TlsIdentity } from '../sip/index.js';
import { formatHostPort, SipStack } from '../sip/index.js';
import { AppConnection } from './app-connection.js';
import { AppRegistry } from './app-registry.js';
import { DialogBook } from './dialog-book.js';
import { hangUp } from './hang-up.js';
import { Uac } from './uac.js';
import { Uas } from './uas.js';
import type { AppMessage } from './wire.js';

export interface DrachtioOptions {
  /** Where applications connect to; port 0 = any free one. */
  adminHost: string;
  adminPort: number;
  secret: string;
  /** UDP and TCP alike; port 0 = any free one. */
  sipHost: string;
  sipPort: number;
  /** Takes SIP over TLS too, on a port of its own: any free one where it is 0. */
  tls?: TlsIdentity & { port: number };
  /** Default: those of RFC 3261. Every timeout of the server follows from them. */
  timers?: SipTimers;
  /** SIP that no application hears of, since it cannot be read: one line each, `MOST_LINES` a second. */
  onRefused?: (line: string) => void;
}

/** What is open now; all zero when every call has ended. */
export interface DrachtioCounts {
  apps: number;
  dialogs: number;
  pendingRequests: number;
  outgoingInvites: number;
  transactions: number;
}

/** The version it says it is: that of the public image whose behaviour it follows. */
const VERSION = 'v0.9.10';
const MOST_LINES = 20;
const LONGEST_REASON = 100;

/** A stand-in for drachtio-server: the applications' wire protocol on one side, a SIP stack on the other. */
export class DrachtioServer {
  readonly adminPort: number;
  readonly #apps = new AppRegistry();
  readonly #dialogs = new DialogBook();
  readonly #uas: Uas;
  readonly #uac: Uac;

  private constructor(
    private readonly options: DrachtioOptions,
    private readonly stack: SipStack,
    private readonly admin: Server,
  ) {
    const address = admin.address();
    this.adminPort = typeof address === 'object' && address !== null ? address.port : options.adminPort;
    this.#uas = new Uas(stack, this.#apps, this.#dialogs, hangUp);
    this.#uac = new Uac(stack, this.#dialogs, hangUp, (record) => this.#uas.watch(record));
    if (options.onRefused) tellRefused(stack, options.onRefused);
    admin.on('connection', (socket) => this.#accept(new AppConnection(socket)));
    admin.on('error', () => undefined);
  }

  static async listen(options: DrachtioOptions): Promise<DrachtioServer> {
    const { sipHost, sipPort, adminHost, adminPort, timers, tls } = options;
    // Glare is the applications' business here: the real server passes overlapping re-INVITEs on.
    const stack = await SipStack.listen({
      host: sipHost,
      port: sipPort,
      refusesGlare: false,
      followsContact: false,
      ...(timers === undefined ? {} : { timers }),
      ...(tls === undefined ? {} : { tls }),
    });
    const admin = createServer();
    try {
      const listening = once(admin, 'listening');
      admin.listen(adminPort, adminHost);
      await listening;
    } catch (error) {
      await stack.close();
      throw error;
    }
    return new DrachtioServer(options, stack, admin);
  }

  get sipPort(): number {
    return this.stack.port;
  }

  get tlsPort(): number | undefined {
    return this.stack.transport.portOf('tls');
  }

  get sipHost(): string {
    return this.stack.host;
  }

  get counts(): DrachtioCounts {
    return {
      apps: this.#apps.connections.length,
      dialogs: this.#dialogs.size,
      pendingRequests: this.#uas.size,
      outgoingInvites: this.#uac.size,
      transactions: this.stack.transactions.size,
    };
  }

  /** Messages that the SIP side received, sent and could not read; `faults` are defects of the stack. */
  get sipCounters(): Readonly<SipStack['transport']['counters']> {
    return this.stack.transport.counters;
  }

  /** Drops every connection and dialog without a word on the wire, as a killed server does. */
  async close(): Promise<void> {
    const closed = once(this.admin, 'close');
    this.admin.close();
    for (const connection of this.#apps.connections) connection.destroy();
    this.#uas.close();
    await Promise.all([closed, this.stack.close()]);
  }

  #accept(connection: AppConnection): void {
    this.#apps.join(connection);
    connection.onMessage = (message) => this.#onMessage(connection, message);
    connection.onClose = () => this.#apps.leave(connection);
  }

  /** Like the real server, it does not ask whether a client has authenticated before it does what is asked (client.cpp). */
  #onMessage(connection: AppConnection, message: AppMessage): void {
    const { id, type, args } = message;
    if (type === '') this.#refuse(connection, id, 'Invalid message format');
    else if (type === 'ping') connection.reply(id, 'OK', 'pong');
    else if (type === 'authenticate') this.#authenticate(connection, id, args[0] ?? '');
    else if (type === 'route') {
      this.#apps.route(connection, args[0] ?? '');
      connection.reply(id, 'OK');
    } else if (type === 'remove_route') {
      this.#apps.unroute(connection);
      connection.reply(id, 'OK');
    } else if (type === 'sip') this.#onSip(connection, message);
    else this.#refuse(connection, id, 'Unknown message type');
  }

  #authenticate(connection: AppConnection, id: string, secret: string): void {
    if (secret !== this.options.secret) {
      this.#refuse(connection, id, 'incorrect secret');
      return;
    }
    const { host, transport } = this.stack;
    const contacts = (['udp', 'tcp', 'tls'] as const).flatMap((protocol) => {
      const port = transport.portOf(protocol);
      return port === undefined ? [] : [`${protocol}/${formatHostPort(host, port)}`];
    });
    connection.reply(id, 'OK', `${contacts.join()}|${VERSION}|${contacts.join()}`);
  }

  #onSip(connection: AppConnection, message: AppMessage): void {
    if (!message.sip.startLine.startsWith('SIP/')) this.#uac.send(connection, message);
    else if ((message.args[0] ?? '') === '') this.#refuse(connection, message.id, 'transaction id missing');
    else this.#uas.respond(connection, message);
  }

  /** The real server drops a client after every answer of this kind. */
  #refuse(connection: AppConnection, id: string, reason: string): void {
    connection.reply(id, 'NO', reason);
    connection.end();
  }
}

/** Whoever sends rubbish shall be found in the log, and shall not fill it. */
function tellRefused({ transport }: SipStack, tell: (line: string) => void): void {
  let second = 0;
  let lines = 0;
  transport.on('refused', ({ reason, status }, { protocol, address, port }) => {
    const now = Math.floor(performance.now() / 1000);
    lines = now === second ? lines + 1 : 1;
    second = now;
    if (lines > MOST_LINES) return;
    const answer = status === null ? 'not answered' : `answered ${status}`;
    tell(
      `malformed SIP from ${protocol}/${formatHostPort(address, port)}, ${answer}: ${reason.slice(0, LONGEST_REASON)}`,
    );
  });
}
