import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DrachtioServer } from './drachtio/index.js';
import { FreeSwitchServer } from './freeswitch/server.js';
import type { PortRange } from './rtp/port.js';
import type { TlsIdentity } from './sip/index.js';
import type { SipTimers } from './sip/timers.js';

/** Everything may be left out: loopback, free ports, random passwords. */
export interface SandboxOptions {
  host?: string;
  drachtio?: {
    adminPort?: number;
    sipPort?: number;
    secret?: string;
    /** SIP over TLS too, with the key and certificate of these files. */
    tls?: { port: number; keyFile: string; certFile: string; caFile?: string };
  };
  freeswitch?: {
    eslPort?: number;
    sipPort?: number;
    password?: string;
    rtpPortRange?: PortRange;
    soundsDir?: string;
    mediaTimeoutMs?: number;
    heartbeatMs?: number;
    maxSessions?: number;
  };
  /** Where recordings go to. */
  spoolDir: string;
  /** Of drachtio's side only; shorter ones make its 32 s timeouts testable. */
  timers?: SipTimers;
}

/** How to reach what was started. */
export interface SandboxAddresses {
  drachtio: { host: string; adminPort: number; secret: string; sipPort: number; tlsPort?: number };
  freeswitch: { host: string; eslPort: number; password: string; sipPort: number; spoolDir: string };
}

export interface RunningEngines {
  readonly addresses: SandboxAddresses;
  close(): Promise<void>;
}

/** Starts both stand-ins in this process; normally they have one of their own (`startSandbox`). */
export async function startEngines(
  options: SandboxOptions,
  onRefused: (line: string) => void,
): Promise<RunningEngines> {
  const host = options.host ?? '127.0.0.1';
  const secret = options.drachtio?.secret ?? newPassword();
  const password = options.freeswitch?.password ?? newPassword();
  const tls = options.drachtio?.tls;
  const drachtio = await DrachtioServer.listen({
    adminHost: host,
    adminPort: options.drachtio?.adminPort ?? 0,
    secret,
    sipHost: host,
    sipPort: options.drachtio?.sipPort ?? 0,
    ...(tls === undefined ? {} : { tls: { port: tls.port, ...(await identity(tls)) } }),
    ...(options.timers === undefined ? {} : { timers: options.timers }),
    onRefused,
  });
  let freeswitch: FreeSwitchServer;
  try {
    freeswitch = await FreeSwitchServer.listen({
      ...options.freeswitch,
      eslHost: host,
      eslPort: options.freeswitch?.eslPort ?? 0,
      password,
      sipHost: host,
      sipPort: options.freeswitch?.sipPort ?? 0,
      drachtioSource: [host],
      drachtioTarget: `${host}:${drachtio.sipPort}`,
      spoolDir: options.spoolDir,
    });
  } catch (error) {
    await drachtio.close();
    throw error;
  }
  const { adminPort, sipPort, tlsPort } = drachtio;
  return {
    addresses: {
      drachtio: { host, adminPort, secret, sipPort, ...(tlsPort === undefined ? {} : { tlsPort }) },
      freeswitch: {
        host,
        eslPort: freeswitch.eslPort,
        password,
        sipPort: freeswitch.sipPort,
        spoolDir: options.spoolDir,
      },
    },
    close: async () => {
      await freeswitch.close();
      await drachtio.close();
    },
  };
}

async function identity(files: { keyFile: string; certFile: string; caFile?: string }): Promise<TlsIdentity> {
  const { keyFile, certFile, caFile } = files;
  const [key, cert] = await Promise.all([readFile(keyFile, 'utf8'), readFile(certFile, 'utf8')]);
  return { key, cert, ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }) };
}

const newPassword = (): string => randomBytes(18).toString('base64url');
