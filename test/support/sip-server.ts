import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DrachtioServer } from '../../src/sandbox/drachtio/index.js';
import { portBound } from './ports.js';
import { Program } from './processes.js';
import { drachtioTls, selfSigned } from './tls.js';

const CONFIG = fileURLToPath(new URL('../../docker/drachtio.conf.xml', import.meta.url));
const SECRET = 'only-for-this-test';
const SIP_PORT = 5060;
const TLS_PORT = 5061;
const ADMIN_PORT = 9022;

/** drachtio-server alone, without media: what tests of our SIP side talk through. */
export interface SipServer {
  sip: { host: string; port: number };
  /** Where it takes SIP over TLS. */
  sips: { host: string; port: number };
  admin: { host: string; port: number; secret: string };
  stop(): Promise<void>;
}

/** The stand-in always; the real one too where its binary is found. */
export const sipServerKinds: readonly ('sandbox' | 'real')[] = (process.env['PATH'] ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'drachtio')))
  ? ['sandbox', 'real']
  : ['sandbox'];

export async function startSipServer(kind: 'sandbox' | 'real', address: string): Promise<SipServer> {
  const sip = { host: address, port: SIP_PORT };
  const sips = { host: address, port: TLS_PORT };
  const admin = { host: address, port: ADMIN_PORT, secret: SECRET };
  if (kind === 'real') return { sip, sips, admin, stop: await startBinary(address) };
  const server = await DrachtioServer.listen({
    adminHost: address,
    adminPort: ADMIN_PORT,
    sipHost: address,
    sipPort: SIP_PORT,
    secret: SECRET,
    tls: { ...selfSigned(), port: TLS_PORT },
  });
  return { sip, sips, admin, stop: () => server.close() };
}

async function startBinary(address: string): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-drachtio-'));
  const contact = `sip:${address}:${SIP_PORT};transport=udp,tcp`;
  const tls = drachtioTls(address, TLS_PORT);
  const program = new Program(
    'drachtio',
    ['-f', CONFIG, '--contact', contact, ...tls, '--address', address, '--port', String(ADMIN_PORT)],
    { cwd: folder, env: { ...process.env, DRACHTIO_SECRET: SECRET } },
  );
  await Promise.all([
    portBound('udp', address, SIP_PORT),
    portBound('tcp', address, TLS_PORT),
    portBound('tcp', address, ADMIN_PORT),
  ]);
  return async () => {
    await program.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
