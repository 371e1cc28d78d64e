import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsIdentity } from '../../src/sandbox/sip/index.js';

/** A key and its self-signed certificate, as files and as text. */
export interface SelfSigned extends TlsIdentity {
  keyFile: string;
  certFile: string;
}

let made: SelfSigned | undefined;

/** The same one for all of this process, gone when that ends. */
export function selfSigned(): SelfSigned {
  return (made ??= newSelfSigned());
}

export function newSelfSigned(): SelfSigned {
  const folder = mkdtempSync(join(tmpdir(), 'calltrack-cert-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', keyFile, '-out', certFile];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files, '-days', '30', '-subj', '/CN=sip.test'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { keyFile, certFile, key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
}

/** Of drachtio-server: a contact for TLS, which must be a `sips` URI, and a chain file, without which it starts no TLS. */
export function drachtioTls(address: string, port: number): string[] {
  const { keyFile, certFile } = selfSigned();
  const files = ['--key-file', keyFile, '--cert-file', certFile, '--chain-file', certFile];
  return ['--contact', `sips:${address}:${port};transport=tls`, ...files];
}
