import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { Announcer } from '../../src/media/announcer.js';
import type { IncomingInvite } from '../../src/call/sip-ports.js';
import { HOST, openStage, PASSWORD } from '../sandbox/freeswitch/support.js';

/** Passes on what is said to `port`, but for the first question after the SIP profiles: that one stays without an answer. */
async function deafOnce(port: number) {
  let asked = 0;
  const server = createServer((near) => {
    const far = connect({ host: HOST, port, noDelay: true });
    far.pipe(near);
    near.on('data', (chunk) => {
      if (!chunk.includes('sofia status') || ++asked > 1) far.write(chunk);
    });
    near.on('close', () => far.destroy());
    for (const socket of [near, far]) socket.on('error', () => undefined);
  }).listen(0, HOST);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, asked: () => asked, close: () => server.close() };
}

it('asks again where FreeSWITCH did not answer fsmrf within the second that it waits', async () => {
  const stage = await openStage();
  const wire = await deafOnce(stage.fs.eslPort);
  const announcer = new Announcer({
    host: HOST,
    port: wire.port,
    secret: PASSWORD,
    callbackAddress: HOST,
    profile: 'calltrack',
    logger: pino({ level: 'silent' }),
    createUac: () => Promise.reject(new Error('the endpoint was asked for')),
  });
  const invite = { sdp: 'v=0\r\n' } as IncomingInvite;
  await expect(announcer.play(invite, 'tone.wav')).rejects.toThrow('the endpoint was asked for');
  expect(wire.asked()).toBe(2);
  announcer.reset();
  wire.close();
  await stage.close();
});
