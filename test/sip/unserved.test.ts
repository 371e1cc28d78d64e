import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { DrachtioSipSide } from '../../src/sip/sip-side.js';
import { AddressBlock } from '../support/addresses.js';
import { headerValue, RawSip } from '../support/raw-sip.js';
import { sipServerKinds, startSipServer } from '../support/sip-server.js';
import { until } from '../support/until.js';

it.each(sipServerKinds)(
  'what phones ask for beside calls is refused as not served, not as an outage (%s)',
  async (kind) => {
    const addresses = await AddressBlock.claim();
    const server = await startSipServer(kind, addresses.engines);
    const [phone, stranger] = await Promise.all([RawSip.open(addresses.business()), RawSip.open(addresses.business())]);
    const side = new DrachtioSipSide(
      { ...server.admin, logger: pino({ level: 'silent' }) },
      {
        onInvite: (invite) => invite.refuse(404),
        onLinkLost: () => undefined,
        optionsStatus: ({ address }) => (address === phone.address ? 200 : 403),
        onRegister: () => Promise.reject(new Error('nobody registers here')),
      },
    );
    side.start();
    onTestFinished(async () => {
      side.stop();
      phone.close();
      stranger.close();
      await server.stop();
      addresses.release();
    });
    await until('the link is up', () => side.up);
    const ask = async (from: RawSip, method: string, toTag?: string): Promise<string> => {
      const callId = `${method}-${toTag ?? ''}-${from.address}`;
      const headers = method === 'SUBSCRIBE' || method === 'NOTIFY' ? ['Event: message-summary', 'Expires: 60'] : [];
      const tag = toTag === undefined ? {} : { toTag };
      const parts = { called: '101', caller: '101', callId, branch: callId.replace(/\W/g, ''), headers, ...tag };
      from.send(from.request(method, server.sip, parts), server.sip);
      return from.received(new RegExp(`^SIP/2.0 [2-6][^]*Call-ID: ${callId}\r`));
    };
    for (const method of ['SUBSCRIBE', 'NOTIFY', 'PUBLISH', 'MESSAGE', 'INFO']) {
      const answer = await ask(phone, method);
      expect(answer).toMatch(/^SIP\/2.0 405 /);
      expect(headerValue(answer, 'Allow')).toContain('INVITE');
      expect(await ask(phone, method, 'of-a-former-call')).toMatch(/^SIP\/2.0 481 /);
      expect(await ask(stranger, method)).toMatch(/^SIP\/2.0 403 /);
    }
  },
);
