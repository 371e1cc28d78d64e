import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from '../../src/sandbox/process.js';
import type { Engines, EngineOptions } from './engines.js';
import { channelCount } from './esl.js';
import { selfSigned } from './tls.js';

/** The stand-ins, in a process of their own as the real ones are, on the same ports of an address of their own. */
export async function startSandboxEngines({ address, mediaTimeoutMs, verifyTls }: EngineOptions): Promise<Engines> {
  const spool = await mkdtemp(join(tmpdir(), 'calltrack-sandbox-'));
  const lines: string[] = [];
  const { keyFile, certFile } = selfSigned();
  const tls = { port: 5061, keyFile, certFile, ...(verifyTls ? { caFile: certFile } : {}) };
  const sandbox = await startSandbox({
    host: address,
    drachtio: { adminPort: 9022, sipPort: 5060, tls },
    freeswitch: {
      eslPort: 8021,
      sipPort: 5080,
      heartbeatMs: 1000,
      ...(mediaTimeoutMs === undefined ? {} : { mediaTimeoutMs }),
    },
    spoolDir: spool,
    onLine: (line) => lines.push(line),
  });
  const { drachtio, freeswitch } = sandbox;
  const control = { host: freeswitch.host, port: freeswitch.eslPort, secret: freeswitch.password };
  return {
    kind: 'sandbox',
    sip: { host: drachtio.host, port: drachtio.sipPort },
    sips: { host: drachtio.host, port: drachtio.tlsPort ?? 0 },
    drachtio: { host: drachtio.host, port: drachtio.adminPort, secret: drachtio.secret },
    freeswitch: { ...control, callbackAddress: '127.0.0.1', profile: 'calltrack' },
    spool,
    pids: { sandbox: sandbox.pid },
    channels: () => channelCount(control),
    stop: async () => {
      await sandbox.stop();
      await rm(spool, { recursive: true, force: true });
    },
  };
}
