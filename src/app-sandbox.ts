import path from 'node:path';
import type { Logger } from 'pino';
import type { GatewayConfig } from './config/schema.js';
import type { SandboxProcess } from './sandbox/process.js';

/** The stand-ins, as a process of their own; told apart from the real ones by nothing but their addresses. */
export async function startEngines(config: GatewayConfig, logger: Logger): Promise<SandboxProcess> {
  const { startSandbox } = await import('./sandbox/process.js');
  const { sip, tls } = config.engines.sandbox;
  const { hostname, port } = new URL(sip.replace('udp+tcp:', 'http:'));
  return startSandbox({
    host: hostname,
    drachtio: { sipPort: Number(port), ...(tls === undefined ? {} : { tls }) },
    spoolDir: path.resolve(config.recordings.spool),
    onLine: (line) => logger.info({ line }, 'sandbox engines'),
  });
}

/** The configuration with the stand-ins' addresses in the place of the engines'. */
export function withEngines(config: GatewayConfig, { drachtio, freeswitch }: SandboxProcess): GatewayConfig {
  return {
    ...config,
    engines: {
      ...config.engines,
      drachtio: { host: drachtio.host, port: drachtio.adminPort, secret: drachtio.secret },
      freeswitch: [
        {
          host: freeswitch.host,
          port: freeswitch.eslPort,
          secret: freeswitch.password,
          callbackAddress: freeswitch.host,
          profile: 'calltrack',
        },
      ],
    },
  };
}
