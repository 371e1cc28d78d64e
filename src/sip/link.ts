import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import Srf from 'drachtio-srf';
import { GatewayError } from '../lib/errors.js';
import { Repetition } from '../observability/repetition.js';
import { followAcks } from './acknowledge.js';
import { agentOf, type AgentInternals } from './agent.js';
import { guardSipParser } from './message-guard.js';
import { tagOf } from './tag.js';

/**
 * The connection to drachtio-server: one srf object while the link is up, a fresh one after each loss.
 *
 * srf reconnects by itself, but what it knew stays behind: promises that never settle, dialogs bound to a dead socket,
 * and after a wrong secret some four attempts a second. So a lost link retires the whole object, tells its owner at
 * once (he ends what was being set up), and a new one is made after a back-off. srf sends pings but never looks whether
 * they are answered; the watchdog here does.
 */
export interface LinkHandlers {
  onInvite: (request: Srf.SrfRequest, response: Srf.SrfResponse) => void;
  onOptions: (request: Srf.SrfRequest, response: Srf.SrfResponse) => void;
  onRegister: (request: Srf.SrfRequest, response: Srf.SrfResponse) => void;
  /** Of a method that we serve nobody outside a dialog. */
  onUnserved: (request: Srf.SrfRequest, response: Srf.SrfResponse) => void;
  onUp: () => void;
  onDown: () => void;
}

export interface LinkOptions {
  host: string;
  port: number;
  secret: string;
  logger: Logger;
  /** ms between two pings; three without an answer end the link. */
  pingIntervalMs?: number;
}

/**
 * What phones and PBXs send beside calls: message lamps, presence, chat. drachtio-server answers 503 to what no
 * application asks it for, and many phones take that for a registrar that is down (RFC 3261 21.5.4).
 */
const UNSERVED = ['subscribe', 'notify', 'publish', 'message', 'info'] as const;

const PING_INTERVAL_MS = 5000;
const PINGS_MISSED_MAX = 3;
/** srf has no deadline of its own: where nobody speaks on a connection, it would wait until the connection dies. */
const CONNECT_TIMEOUT_MS = 4000;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 2000;
/** A wrong secret does not mend itself; asking more often only fills two logs. */
const RETRY_REFUSED_MS = 5000;
/**
 * drachtio-server collects what we send in a ring of 12,228 bytes and reads up to 8,192 at a time (client.cpp): where a
 * longer message than this is not yet whole, the next read may overwrite its beginning, and then the link is deaf for
 * everybody until its pings have failed.
 */
const LONGEST_MESSAGE_BYTES = 4000;

export class DrachtioLink {
  #srf: Srf | null = null;
  #up = false;
  #stopped = false;
  #retryMs = RETRY_FIRST_MS;
  #retryTimer: NodeJS.Timeout | undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #missedPings = 0;
  #sipAddresses: string[] = [];
  #awaiting: ((srf: Srf) => void)[] = [];
  readonly #failures = new Repetition();

  constructor(
    private readonly options: LinkOptions,
    private readonly handlers: LinkHandlers,
  ) {}

  get up(): boolean {
    return this.#up;
  }

  /** `udp/127.0.0.1:5060` … as drachtio told us. */
  get sipAddresses(): readonly string[] {
    return this.#sipAddresses;
  }

  /** The live srf object. Throws GW_ERR_LINK_LOST while there is none. */
  get srf(): Srf {
    if (!this.#srf || !this.#up) throw new GatewayError('GW_ERR_LINK_LOST', 'no connection to drachtio-server');
    return this.#srf;
  }

  /** The live srf object, or that of the next link. */
  next(): Promise<Srf> {
    const srf = this.#srf;
    return srf && this.#up ? Promise.resolve(srf) : new Promise((resolve) => this.#awaiting.push(resolve));
  }

  start(): void {
    guardSipParser();
    const srf = new Srf();
    this.#srf = srf;
    this.#connectTimer = setTimeout(() => this.#lose(srf, 'no greeting in time'), CONNECT_TIMEOUT_MS);
    srf.invite((request, response) => {
      this.handlers.onInvite(request, response);
    });
    srf.options((request, response) => {
      this.handlers.onOptions(request, response);
    });
    srf.register((request, response) => {
      this.handlers.onRegister(request, response);
    });
    for (const method of UNSERVED) {
      srf[method]((request, response) => {
        this.handlers.onUnserved(request, response);
      });
    }
    srf.on('connect', (error, hostport) => {
      if (srf !== this.#srf) return;
      if (error) this.#lose(srf, 'drachtio-server refused our secret', RETRY_REFUSED_MS);
      else this.#connected(srf, hostport ?? '');
    });
    srf.on('error', (error) => this.#lose(srf, error.message));
    srf.on('close', () => this.#lose(srf, 'connection closed'));
    srf.connect({ host: this.options.host, port: this.options.port, secret: this.options.secret });
    const agent = agentOf(srf);
    if (!agent) return;
    this.#limitMessages(agent);
    followAcks(agent);
  }

  /** What is too long for drachtio-server fails for who sends it, and for nobody else. */
  #limitMessages(agent: AgentInternals): void {
    const send = agent.wp.send.bind(agent.wp);
    agent.wp.send = (socket, message) => {
      const bytes = Buffer.byteLength(message);
      if (bytes <= LONGEST_MESSAGE_BYTES) return send(socket, message);
      const id = randomUUID();
      this.options.logger.warn({ bytes, most: LONGEST_MESSAGE_BYTES }, 'SIP message too long to be sent');
      // As drachtio-server's own refusal; behind srf's noting down who waits for it.
      setImmediate(() => agent.mapServer.get(socket)?.pendingRequests.get(id)?.(['NOK', 'message too long']));
      return id;
    };
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#connectTimer);
    clearInterval(this.#pingTimer);
    if (this.#srf) retire(this.#srf);
    this.#srf = null;
    this.#up = false;
  }

  #connected(srf: Srf, hostports: string): void {
    this.#sipAddresses = hostports.split(',').filter(Boolean);
    this.#retryMs = RETRY_FIRST_MS;
    this.#missedPings = 0;
    this.#up = true;
    clearTimeout(this.#connectTimer);
    this.#pingTimer = setInterval(() => this.#ping(srf), this.options.pingIntervalMs ?? PING_INTERVAL_MS);
    agentOf(srf)?.mapServer.forEach(keepUpdates);
    this.options.logger.info({ sip: this.#sipAddresses }, 'connected to drachtio-server');
    this.handlers.onUp();
    for (const resolve of this.#awaiting.splice(0)) resolve(srf);
  }

  #lose(srf: Srf, why: string, retryMs?: number): void {
    if (srf !== this.#srf || this.#stopped) return;
    clearTimeout(this.#connectTimer);
    clearInterval(this.#pingTimer);
    const wasUp = this.#up;
    this.#up = false;
    this.#srf = null;
    retire(srf);
    if (wasUp) this.options.logger.warn({ why }, 'lost drachtio-server');
    else if (this.#failures.isNews(why)) this.options.logger.warn({ why }, 'drachtio-server is not there');
    this.#retryMs = retryMs ?? Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    this.#retryTimer = setTimeout(() => this.start(), this.#retryMs);
    if (wasUp) this.handlers.onDown();
  }

  #ping(srf: Srf): void {
    const agent = agentOf(srf);
    const [socket, server] = agent?.mapServer.entries().next().value ?? [];
    if (!agent || !socket || !server) return;
    if (++this.#missedPings > PINGS_MISSED_MAX) {
      this.#lose(srf, 'pings are not answered');
      return;
    }
    server.pendingRequests.set(agent.wp.send(socket, 'ping'), () => {
      this.#missedPings = 0;
    });
  }
}

/**
 * srf hands an UPDATE to a request of ours that waits in its call, found by this `forEach` and meant to be an INVITE that rings. Of an INFO
 * or a re-INVITE nobody would hear it: who refreshes his session so was never answered, and may hang up (RFC 3261 12.2.1.2).
 */
function keepUpdates({ pendingSipRequests }: { pendingSipRequests: Map<string, { req: Srf.SrfRequest }> }): void {
  const each = pendingSipRequests.forEach.bind(pendingSipRequests);
  pendingSipRequests.forEach = (take) => {
    each((waiting, id, all) => {
      if (tagOf(waiting.req.get('To')) === '') take(waiting, id, all);
    });
  };
}

/** srf keeps each INVITE until it is answered; this one never will be. */
export function forgetInvite(srf: Srf, request: Srf.SrfRequest): void {
  agentOf(srf)
    ?.mapServer.get(request.socket)
    ?.pendingNetworkInvites.delete(request.get('Call-ID') ?? '');
}

/** An INVITE that waits for its answer, behind the refusal of another one with its Call-ID: srf knows one for each, and has forgotten this. */
export function rememberInvite(srf: Srf, request: Srf.SrfRequest): void {
  agentOf(srf)
    ?.mapServer.get(request.socket)
    ?.pendingNetworkInvites.set(request.get('Call-ID') ?? '', { req: request, res: request.res });
}

/** As `forgetInvite`, of one of ours that drachtio-server has dropped without a word. Not by its socket: it has one only once it is answered. */
export function forgetSent(srf: Srf, request: Srf.SrfRequest): void {
  agentOf(srf)?.mapServer.forEach(({ pendingSipRequests }) => pendingSipRequests.delete(request.stackTxnId));
}

/**
 * What a dialog that is over still waits for: a final response that crossed its BYE drachtio-server keeps to itself, and
 * srf would keep the request, and by it the whole call, for ever.
 */
export function forgetRequestsIn({ agent, sip, socket }: Srf.Dialog): void {
  const waiting = (agent as AgentInternals).mapServer.get(socket)?.pendingSipRequests;
  for (const [id, { req }] of waiting ?? []) {
    const ours = req.get('Call-ID') === sip.callId && req.get('From')?.includes(`tag=${sip.localTag}`);
    if (ours) waiting?.delete(id);
  }
}

/** Refuses an INVITE that came over another link, which has no request object here: drachtio goes by the transaction alone. */
export function refuseByTransaction(srf: Srf, id: string, status: number, sent: (error: null) => void): void {
  agentOf(srf)?.sendMessage(`SIP/2.0 ${status} Call Lost\r\n\r\n`, { stackTxnId: id });
  sent(null);
}

/** Stops srf's own reconnecting and drops the socket; `srf.disconnect()` throws when there is none. */
function retire(srf: Srf): void {
  const agent = agentOf(srf);
  if (agent) {
    agent.wp.closing = true;
    // Set before we hear of a connection that was closed, and it asks nobody whether that was meant.
    clearTimeout(agent.wp.reconnectVars.retryTimer ?? undefined);
    for (const socket of agent.mapServer.keys()) socket.destroy();
    // One that is not there yet must not ask for our INVITEs when it is.
    agent.wp.removeAllListeners('connect').on('connect', (socket) => socket.destroy());
  }
  // A socket that dies later still reports to somebody.
  srf.removeAllListeners();
  srf.on('error', () => undefined);
}
