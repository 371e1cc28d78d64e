import type { Logger } from 'pino';
import modesl, { type Connection } from 'modesl';
import { inBackground } from '../lib/background.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { Repetition } from '../observability/repetition.js';
import { FreeSwitchEvent } from './event-text.js';

export interface EslLinkOptions {
  host: string;
  port: number;
  secret: string;
  /** Event names to subscribe to. */
  events: readonly string[];
  logger: Logger;
}

export interface EslLinkHandlers {
  onEvent: (event: FreeSwitchEvent) => void;
  onUp: () => void;
  onDown: () => void;
}

const COMMAND_TIMEOUT_MS = 3000;
const CONNECT_TIMEOUT_MS = 4000;
const RETRY_MS = 1000;
/** A wrong password does not mend itself. */
const RETRY_REFUSED_MS = 5000;
/** Not by its heartbeats: how often they come is FreeSWITCH's configuration, and nothing in them says it. */
const PING_INTERVAL_MS = 5000;
const PING = 'global_getvar core_uuid';

/**
 * The one control connection to a FreeSWITCH, over modesl.
 *
 * modesl does not come back after a loss, mixes up replies when it does, and leaves callbacks pending for ever; so each
 * connection here is used once, every command has a deadline, and a command without a reply ends the connection (what
 * answers later would be taken for the answer to the next one). So a host that vanishes without a word is noticed by the
 * next ping. Writes go out in several pieces: without TCP_NODELAY
 * every command costs 44 ms.
 */
export class EslLink {
  #connection: Connection | null = null;
  #up = false;
  #stopped = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  readonly #failures = new Repetition();

  constructor(
    private readonly options: EslLinkOptions,
    private readonly handlers: EslLinkHandlers,
  ) {}

  get up(): boolean {
    return this.#up;
  }

  start(): void {
    const { host, port, secret } = this.options;
    const connection = new modesl.Connection(host, port, secret, () => this.#ready(connection));
    this.#connection = connection;
    this.#connectTimer = setTimeout(() => this.#lose(connection, 'no greeting in time'), CONNECT_TIMEOUT_MS);
    connection.socket?.setNoDelay(true);
    connection.socket?.on('close', () => this.#lose(connection, 'connection closed'));
    connection.on('esl::connect', () => this.#readEventsDirectly(connection));
    connection.on('error', (error: Error) => this.#lose(connection, error.message));
    connection.on('esl::event::auth::fail', () => this.#lose(connection, 'wrong password', RETRY_REFUSED_MS));
    connection.on('esl::event::raw::text/rude-rejection', () => {
      this.#lose(connection, 'our address is not in the ACL', RETRY_REFUSED_MS);
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#connectTimer);
    clearInterval(this.#pingTimer);
    this.#up = false;
    this.#connection?.socket?.destroy();
    this.#connection = null;
  }

  /**
   * Runs an API command and gives its body. Rejects with GW_ERR_LINK_LOST or GW_ERR_DEADLINE, and with
   * GW_ERR_MEDIA_COMMAND where FreeSWITCH says `-ERR`.
   */
  async api(command: string): Promise<string> {
    const connection = this.#connection;
    if (!connection || !this.#up) throw new GatewayError('GW_ERR_LINK_LOST', 'no connection to FreeSWITCH');
    // A line break would begin a second command.
    const line = command.replace(/[\r\n]+/g, ' ');
    const reply = new Promise<string>((resolve) => {
      connection.api(line, (event) => resolve(event.getBody()));
    });
    const name = line.split(' ', 1)[0] ?? '';
    try {
      const body = await withDeadline(reply, COMMAND_TIMEOUT_MS, `FreeSWITCH command ${name}`);
      if (body.startsWith('-ERR')) throw new GatewayError('GW_ERR_MEDIA_COMMAND', `${name}: ${body.trim()}`);
      return body;
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'GW_ERR_DEADLINE') this.#lose(connection, error.message);
      throw error;
    }
  }

  #ready(connection: Connection): void {
    if (connection !== this.#connection) return;
    // modesl asks for each executed application by itself: some twenty events a call that nobody reads.
    connection.sendRecv('nixevent CHANNEL_EXECUTE_COMPLETE BACKGROUND_JOB', () => undefined);
    connection.sendRecv(`event json ${this.options.events.join(' ')}`, () => {
      if (connection !== this.#connection) return;
      clearTimeout(this.#connectTimer);
      this.#up = true;
      this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL_MS);
      this.options.logger.info({}, 'connected to FreeSWITCH');
      this.handlers.onUp();
    });
  }

  /** Whatever it answers will do; without an answer `api` ends the connection. */
  #ping(): void {
    inBackground(this.api(PING).catch(() => undefined));
  }

  #lose(connection: Connection, why: string, retryMs = RETRY_MS): void {
    if (connection !== this.#connection || this.#stopped) return;
    clearTimeout(this.#connectTimer);
    clearInterval(this.#pingTimer);
    const wasUp = this.#up;
    this.#up = false;
    this.#connection = null;
    connection.socket?.destroy();
    if (wasUp) this.options.logger.warn({ why }, 'lost FreeSWITCH');
    else if (this.#failures.isNews(why)) this.options.logger.warn({ why }, 'FreeSWITCH is not there');
    this.#retryTimer = setTimeout(() => this.start(), retryMs);
    if (wasUp) this.handlers.onDown();
  }

  /** Past modesl's Event objects and wildcard emitter, which take every one of an event's headers apart. */
  #readEventsDirectly(connection: Connection): void {
    const { parser } = connection;
    if (!parser) return;
    const parseOther = parser._parseEvent.bind(parser);
    parser._parseEvent = (headers, body) => {
      if (headers['Content-Type'] !== 'text/event-json') {
        parseOther(headers, body);
        return;
      }
      try {
        this.handlers.onEvent(new FreeSwitchEvent(body ?? ''));
      } catch (error) {
        this.options.logger.warn({ err: error }, 'FreeSWITCH event not understood');
      }
    };
  }
}
