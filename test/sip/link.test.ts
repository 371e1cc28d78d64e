import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { DrachtioServer } from '../../src/sandbox/drachtio/index.js';
import { DrachtioLink } from '../../src/sip/link.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const SECRET = 'only-for-this-test';

/** A drachtio-server behind a wire, and a link to it that has not been started. */
async function open() {
  const local = { adminHost: '127.0.0.1', adminPort: 0, sipHost: '127.0.0.1', sipPort: 0 };
  const server = await DrachtioServer.listen({ ...local, secret: SECRET });
  const wire = await TcpProxy.open({ host: '127.0.0.1', port: server.adminPort });
  const seen = { ups: 0 };
  const nothing = () => undefined;
  const handlers = { onInvite: nothing, onOptions: nothing, onRegister: nothing, onUnserved: nothing };
  const newLink = () =>
    new DrachtioLink(
      { host: wire.host, port: wire.port, secret: SECRET, logger: pino({ level: 'silent' }) },
      { ...handlers, onUp: () => (seen.ups += 1), onDown: nothing },
    );
  const link = newLink();
  onTestFinished(async () => {
    link.stop();
    wire.close();
    await server.close();
  });
  return { server, wire, link, newLink, seen };
}

it('is one connection also after drachtio-server has closed it: of two it would deal the INVITEs out to both', async () => {
  const { server, wire, link, seen } = await open();
  link.start();
  await until('the link is up', () => seen.ups === 1);
  wire.cut();
  wire.join();
  // srf's own second attempt would come before ours.
  await until('the link is up again', () => seen.ups === 2);
  expect(server.counts.apps).toBe(1);
});

it('is made anew where nobody speaks on the connection that was opened', async () => {
  const { server, wire, link, seen } = await open();
  wire.freeze();
  link.start();
  await until('the connection stands', () => wire.connections > 0);
  wire.join();
  await until('the link is up', () => seen.ups === 1);
  expect(server.counts.apps).toBe(1);
});

it('is none that is stopped before it is made', async () => {
  const { server, link, newLink, seen } = await open();
  const stopped = newLink();
  stopped.start();
  stopped.stop();
  link.start();
  await until('the other one is up', () => seen.ups === 1);
  expect(server.counts.apps).toBe(1);
});
