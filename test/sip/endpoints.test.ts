import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { DrachtioSipSide } from '../../src/sip/sip-side.js';
import { AddressBlock } from '../support/addresses.js';
import { plainSdp, RawSip } from '../support/raw-sip.js';
import { sipServerKinds, startSipServer } from '../support/sip-server.js';
import { until } from '../support/until.js';

it.each(sipServerKinds)('an endpoint of fsmrf that has gone may be hung up by who does not look (%s)', async (kind) => {
  const addresses = await AddressBlock.claim();
  const server = await startSipServer(kind, addresses.engines);
  const side = new DrachtioSipSide(
    { ...server.admin, logger: pino({ level: 'silent' }) },
    {
      onInvite: (invite) => invite.refuse(404),
      onLinkLost: () => undefined,
      optionsStatus: () => 200,
      onRegister: () => Promise.reject(new Error('nobody registers here')),
    },
  );
  const freeswitch = await RawSip.open(addresses.business());
  side.start();
  onTestFinished(async () => {
    side.stop();
    freeswitch.close();
    await server.stop();
    addresses.release();
  });
  await until('the link is up', () => side.up);
  const dialling = side.createUac(`sip:drachtio@${freeswitch.address}`, { localSdp: plainSdp(addresses.engines) });
  const invite = await freeswitch.received(/^INVITE /);
  const ok = freeswitch.response('200 OK', invite, { toTag: 'f', body: plainSdp(freeswitch.address) });
  freeswitch.send(ok, server.sip);
  const dialog = await dialling;
  // As where the event socket of the endpoint never came: FreeSWITCH has hung up by then.
  const bye = dialog.destroy();
  freeswitch.send(freeswitch.response('200 OK', await freeswitch.received(/^BYE /), { toTag: 'f' }), server.sip);
  await bye;
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const unlooked = dialog.destroy();
  await expect(dialog.destroy()).rejects.toThrow('unable to find dialog');
  await nextTurn();
  expect(unhandled).toEqual([]);
  await expect(unlooked).rejects.toThrow('unable to find dialog');
});
