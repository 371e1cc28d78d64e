import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { headerOf, type TracedMessage } from './sipp-trace.js';

const md5 = (...parts: string[]): string => createHash('md5').update(parts.join(':')).digest('hex');

/** The request carries a right answer to the challenge before it (RFC 2617 3.2.2, MD5 with qop=auth). */
export function expectDigest(
  request: TracedMessage | undefined,
  credentials: { username: string; password: string } | undefined,
): void {
  const header = (request && headerOf(request, 'Proxy-Authorization')) ?? '';
  const fields = Object.fromEntries(
    [...header.matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)].map(([, name = '', quoted, bare]) => [name, quoted ?? bare]),
  );
  const { realm = '', nonce = '', nc = '', cnonce = '', qop = '', uri = '' } = fields;
  const { username = '', password = '' } = credentials ?? {};
  const method = request?.kind ?? '';
  expect(fields).toMatchObject({ username, realm: 'carrier.example', qop: 'auth' });
  expect(fields['response']).toBe(md5(md5(username, realm, password), nonce, nc, cnonce, qop, md5(method, uri)));
}
