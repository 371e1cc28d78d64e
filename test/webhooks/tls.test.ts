import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { openSink } from '../../src/sinks/index.js';
import type { TemplateConfig } from '../../src/sinks/template.js';
import type { TlsConfig } from '../../src/webhooks/http-poster.js';
import { Sender } from '../../src/webhooks/sender.js';
import { NO_PORTS } from '../sinks/vendor.js';

const folder = mkdtempSync(join(tmpdir(), 'calltrack-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));
const openssl = (line: string): Buffer =>
  execFileSync('openssl', line.split(' '), { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
openssl(
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out good -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1',
);
openssl('x509 -in good -signkey key -days -1 -out expired');
const [key, good, expired] = ['key', 'good', 'expired'].map((name) => readFileSync(join(folder, name), 'utf8'));

/** A receiver that asks for a client's certificate. */
async function attempt(cert: string | undefined, tls: TlsConfig, template?: TemplateConfig) {
  const options = { key, cert, ca: good, requestCert: true };
  const server = createServer(options, (request, response) => {
    request.resume();
    const authorized = 'authorized' in request.socket && request.socket.authorized;
    response.end(
      `${String(authorized)} ${request.rawHeaders.filter((text) => /^(k1|mine|calltrack.*)$/.test(text)).join()}`,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const config = { id: 'crm', url, secret: 'a secret of more than 24 characters', allowPrivate: true };
  const endpoint = { ...config, headers: { 'x-api-key': 'k1', 'User-Agent': 'mine' }, tls };
  const sink = openSink({ ...endpoint, template }, { inFlight: 1 }, NO_PORTS);
  const channel = sink ?? new Sender(endpoint, 1, systemClock);
  onTestFinished(async () => {
    await channel.close();
    server.close();
  });
  return channel.send({ eventId: 'evt_1', attempt: 1, body: Buffer.from('{}') });
}

it.each<[string, TemplateConfig | undefined]>([
  ['a webhook', undefined],
  ['a template', { as: 'json', fields: {} }],
])(
  '%s shows its certificate, trusts the authority it is given and sends its headers in the place of ours',
  async (_what, template) => {
    const sent = await attempt(good, { ca: good ?? null, cert: good ?? null, key: key ?? null }, template);
    expect(sent).toMatchObject({ delivered: true, response: 'true k1,mine' });
  },
);

it.each([
  ['of an unknown authority', good, {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['that has expired', expired, { ca: expired ?? null }, 'CERT_HAS_EXPIRED'],
])('sends nothing to a receiver with a certificate %s', async (_what, cert, tls, code) => {
  expect(await attempt(cert, tls)).toMatchObject({ delivered: false, status: null, error: { code } });
});
