import { isIP } from 'node:net';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { PortRange } from '../rtp/port.js';
import type { IncomingInvite } from '../sip/invite.js';
import { SipStack } from '../sip/stack.js';
import { ApiCommands } from './api-commands.js';
import { Applications } from './applications.js';
import { Dialplan } from './dialplan.js';
import { EslInboundSession } from './esl-inbound.js';
import type { EslServices } from './esl-session.js';
import { FREESWITCH_VERSION, SANDBOX_HOSTNAME } from './event-bus.js';
import { Switch } from './switch.js';

export interface FreeSwitchOptions {
  eslHost: string;
  /** 0 = any free port. */
  eslPort: number;
  password: string;
  sipHost: string;
  /** 0 = any free port. */
  sipPort: number;
  /** The only addresses whose INVITEs are taken. */
  drachtioSource: readonly string[];
  /** `host:port` that the business's leg is dialled back to. */
  drachtioTarget: string;
  /** Recordings: `<spoolDir>/<call id>.wav`. */
  spoolDir: string;
  rtpPortRange?: PortRange;
  /** A caller who sends no RTP for so long after the answer is hung up; 0 = never. Default 120 s. */
  mediaTimeoutMs?: number;
  heartbeatMs?: number;
  /** A call takes two. Default 200. */
  maxSessions?: number;
  /** For announcements named by a relative path. */
  soundsDir?: string;
}

const DEFAULTS = { mediaTimeoutMs: 120_000, heartbeatMs: 5000, maxSessions: 200 };
const MEDIA_HOLD_TIMEOUT_MS = 1_800_000;

/** A stand-in for FreeSWITCH with our configuration: ESL, SIP, RTP, recordings. G.711, tens of calls. */
export class FreeSwitchServer {
  readonly #sessions = new Set<EslInboundSession>();
  readonly #heartbeat: NodeJS.Timeout;

  private constructor(
    private readonly services: EslServices,
    private readonly esl: Server,
    private readonly stack: SipStack,
    private readonly dialplan: Dialplan,
    private readonly options: FreeSwitchOptions,
  ) {
    esl.on('connection', (socket) => {
      const session = new EslInboundSession(socket, services, options.password, (closed) =>
        this.#sessions.delete(closed),
      );
      this.#sessions.add(session);
    });
    stack.on('invite', (invite) => this.#onInvite(invite));
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs ?? DEFAULTS.heartbeatMs);
    this.#heartbeat.unref();
  }

  static async listen(options: FreeSwitchOptions): Promise<FreeSwitchServer> {
    if (options.password === '') throw new Error('the ESL password must not be empty');
    if (isIP(options.sipHost) === 0) throw new Error('sipHost must be a numeric address: it goes into SDP');
    const stack = await SipStack.listen({ host: options.sipHost, port: options.sipPort, userAgent: 'calltrack media' });
    try {
      const esl = await listenTcp(options.eslHost, options.eslPort);
      const fs = new Switch({
        address: options.sipHost,
        maxSessions: options.maxSessions ?? DEFAULTS.maxSessions,
        soundsDir: options.soundsDir,
      });
      setGlobals(fs, options);
      const applications = new Applications(fs);
      const api = new ApiCommands(fs, applications, { sipHost: options.sipHost, sipPort: stack.port });
      const services = { fs, api, applications };
      const dialplan = new Dialplan(services, stack, {
        address: options.sipHost,
        drachtioTarget: options.drachtioTarget,
        spoolDir: options.spoolDir,
        rtpPortRange: options.rtpPortRange,
        mediaTimeoutMs: options.mediaTimeoutMs ?? DEFAULTS.mediaTimeoutMs,
      });
      return new FreeSwitchServer(services, esl, stack, dialplan, options);
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  get sipPort(): number {
    return this.stack.port;
  }

  get eslPort(): number {
    return (this.esl.address() as AddressInfo).port;
  }

  /** Legs that are not over yet. */
  get sessionCount(): number {
    return this.services.fs.channels.size;
  }

  /** Hangs everything up, finishes the recordings and lets go of all sockets. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.services.fs.paused = true;
    this.services.fs.hangupAll('MANAGER_REQUEST');
    await this.services.fs.settle();
    for (const session of this.#sessions) session.close();
    await Promise.all([new Promise<void>((done) => this.esl.close(() => done())), this.stack.close()]);
  }

  #onInvite(invite: IncomingInvite): void {
    const { fs } = this.services;
    if (!this.options.drachtioSource.includes(invite.arrival.address)) invite.reject(403);
    else if (fs.full) invite.reject(503, { reason: 'Maximum Calls In Progress', headers: { 'Retry-After': '300' } });
    else {
      invite.progress(100);
      void this.dialplan.route(invite).catch(() => invite.reject(500));
    }
  }

  #beat(): void {
    const { fs } = this.services;
    fs.bus.fire('HEARTBEAT', (event) => {
      const uptimeMs = Date.now() - fs.startedAt;
      event
        .set('Event-Info', 'System Ready')
        .set('Up-Time', `0 years, 0 days, 0 hours, 0 minutes, ${Math.floor(uptimeMs / 1000)} seconds`)
        .set('FreeSWITCH-Version', FREESWITCH_VERSION)
        .set('Uptime-msec', uptimeMs)
        .set('Session-Count', fs.channels.size)
        .set('Max-Sessions', fs.options.maxSessions)
        .set('Session-Per-Sec', 100)
        .set('Session-Per-Sec-Last', 0)
        .set('Session-Per-Sec-Max', 0)
        .set('Session-Per-Sec-FiveMin', 0)
        .set('Session-Since-Startup', fs.sessionsSinceStart)
        .set('Session-Peak-Max', fs.sessionPeak)
        .set('Session-Peak-FiveMin', fs.sessionPeak)
        .set('Idle-CPU', '90.000000');
    });
  }
}

/** What `global_getvar` and `expand` know: the configuration's variables and FreeSWITCH's own. */
function setGlobals(fs: Switch, options: FreeSwitchOptions): void {
  fs.globals
    .set('core_uuid', fs.bus.coreUuid)
    .set('hostname', SANDBOX_HOSTNAME)
    .set('calltrack_spool', options.spoolDir)
    .set('calltrack_drachtio', options.drachtioTarget)
    .set('calltrack_media_timeout', String(options.mediaTimeoutMs ?? DEFAULTS.mediaTimeoutMs))
    .set('calltrack_media_hold_timeout', String(MEDIA_HOLD_TIMEOUT_MS));
}

function listenTcp(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve(server);
    });
  });
}
