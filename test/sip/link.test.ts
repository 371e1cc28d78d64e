import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { DrachtioServer } from '../../src/sandbox/drachtio/index.js';
import { DrachtioLink } from '../../src/sip/link.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const SECRET = 'only-for-this-test';

it('is one connection also after drachtio-server has closed it: of two it would deal the INVITEs out to both', async () => {
  const local = { adminHost: '127.0.0.1', adminPort: 0, sipHost: '127.0.0.1', sipPort: 0 };
  const server = await DrachtioServer.listen({ ...local, secret: SECRET });
  const wire = await TcpProxy.open({ host: '127.0.0.1', port: server.adminPort });
  let ups = 0;
  const nothing = () => undefined;
  const handlers = { onInvite: nothing, onOptions: nothing, onRegister: nothing, onUnserved: nothing };
  const link = new DrachtioLink(
    { host: wire.host, port: wire.port, secret: SECRET, logger: pino({ level: 'silent' }) },
    { ...handlers, onUp: () => (ups += 1), onDown: nothing },
  );
  onTestFinished(async () => {
    link.stop();
    wire.close();
    await server.close();
  });
  link.start();
  await until('the link is up', () => ups === 1);
  wire.cut();
  wire.join();
  // srf's own second attempt would come before ours.
  await until('the link is up again', () => ups === 2);
  expect(server.counts.apps).toBe(1);
});
