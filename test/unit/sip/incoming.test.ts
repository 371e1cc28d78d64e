import { EventEmitter } from 'node:events';
import type Srf from 'drachtio-srf';
import { expect, it } from 'vitest';
import { SrfIncomingInvite } from '../../../src/sip/incoming.js';

const HEADERS: Record<string, string> = {
  'Call-ID': 'a@192.0.2.1',
  From: '<sip:+79160000001@192.0.2.1>;tag=from',
  Contact: '<sip:192.0.2.1>',
};

it('a CANCEL that drachtio-server answered before our 200 came is the caller giving up, though srf says nothing of it', async () => {
  const messages = new EventEmitter();
  const request: unknown = Object.assign(messages, {
    get: (name: string) => HEADERS[name],
    body: '',
    protocol: 'udp',
    stackTxnId: 'a transaction',
    socket: { destroyed: false },
  });
  const srf = {
    createUAS: (_request: unknown, _response: unknown, _options: unknown, callback: (error: unknown) => void) =>
      callback('Response not sent due to unknown transaction'),
  };
  const [message, nowhere] = [request as Srf.SrfRequest, {} as Srf.SrfResponse];
  const overNewLink = {
    bye: () => Promise.resolve(),
    endInvite: () => undefined,
    unlessConfirmed: () => () => undefined,
  };
  const invite = new SrfIncomingInvite(srf as unknown as Srf, message, nowhere, overNewLink);
  let gaveUp = 0;
  invite.onCancel(() => (gaveUp += 1));
  await expect(invite.answer('v=0')).rejects.toThrow('unknown transaction');
  messages.emit('cancel');
  expect(gaveUp).toBe(1);
});
