import { startRealEngines, realEnginesHere } from './real-engines.js';
import { startSandboxEngines } from './sandbox-engines.js';

export interface EngineOptions {
  /** Loopback address on which they listen. */
  address: string;
  /** How long a leg may send no RTP. */
  mediaTimeoutMs?: number;
  /** Channels that FreeSWITCH sets up a second, two for each call; it refuses what is above. */
  sessionsPerSecond?: number;
  /** Over TLS both sides must show the certificate of `selfSigned`. */
  verifyTls?: boolean;
  /** FreeSWITCH behind NAT, where its sound has another address than its SIP; the stand-in knows none. */
  rtp?: { address: string; publicAddress: string };
}

/** drachtio-server and FreeSWITCH, or the stand-ins for both: the gateway and the tests cannot tell by the interface. */
export interface Engines {
  kind: 'sandbox' | 'real';
  /** Where carriers send their INVITEs. */
  sip: { host: string; port: number };
  /** The same over TLS. */
  sips: { host: string; port: number };
  drachtio: { host: string; port: number; secret: string };
  freeswitch: { host: string; port: number; secret: string; callbackAddress: string; profile: string };
  /** Where FreeSWITCH writes recordings. */
  spool: string;
  /** Of what was started here, to measure it. */
  pids: Record<string, number>;
  /** Ends one of them at once, as a crash would, and starts it again; undefined where they share a process or are not ours. */
  crash?: (engine: 'drachtio' | 'freeswitch') => Promise<{ restart: () => Promise<void> }>;
  /** Channels that FreeSWITCH has up. */
  channels(): Promise<number>;
  stop(): Promise<void>;
}

/** Which engines this run is for: CALLTRACK_TEST_ENGINES=real, or the stand-ins. */
export const engineKind = (): Engines['kind'] =>
  process.env['CALLTRACK_TEST_ENGINES'] === 'real' ? 'real' : 'sandbox';

/** False where a run for real engines finds none: its cases are skipped then, never passed. */
export const enginesHere = (): boolean => engineKind() === 'sandbox' || realEnginesHere();

export async function startEngines(options: EngineOptions): Promise<Engines> {
  return engineKind() === 'real' ? await startRealEngines(options) : await startSandboxEngines(options);
}
