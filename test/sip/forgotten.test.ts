import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { DialogLeg } from '../../src/call/sip-ports.js';
import { Phone, type AnswerScript, type IncomingCall } from '../../src/sandbox/phone/index.js';
import { DrachtioSipSide } from '../../src/sip/sip-side.js';
import { AddressBlock } from '../support/addresses.js';
import { sipServerKinds, startSipServer } from '../support/sip-server.js';
import { until } from '../support/until.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** An INVITE of ours to a phone. */
async function call(kind: (typeof sipServerKinds)[number], answers: AnswerScript) {
  const addresses = await AddressBlock.claim();
  const server = await startSipServer(kind, addresses.engines);
  const phone = await Phone.open({ host: addresses.business(), port: 5060, answers });
  const nothing = (): undefined => undefined;
  const side = new DrachtioSipSide(
    { ...server.admin, logger: pino({ level: 'silent' }) },
    {
      onInvite: (invite) => invite.refuse(404),
      onLinkLost: nothing,
      optionsStatus: () => 200,
      onRegister: () => Promise.reject(new Error('nobody registers here')),
    },
  );
  side.start();
  onTestFinished(async () => {
    side.stop();
    await phone.close();
    await server.stop();
    addresses.release();
  });
  await until('the link is up', () => side.up);
  const sdp = `v=0\r\no=- 1 1 IN IP4 ${phone.host}\r\ns=-\r\nc=IN IP4 ${phone.host}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n`;
  const from = { user: '101', displayName: null };
  const invite = side.invite({ uri: phone.uri(), sdp, from, headers: {}, timeoutMs: 30_000 });
  return { invite, phone, sdp };
}

/** Until nothing holds it any more. */
async function untilForgotten(held: WeakRef<object>): Promise<void> {
  await until('it is forgotten', () => {
    collectGarbage();
    return held.deref() === undefined;
  });
}

/** Sends it and hangs up before it is answered. */
async function hangUpWhileAsking(leg: DialogLeg, there: IncomingCall, sdp: string): Promise<void> {
  const dialog = there.dialog;
  dialog?.removeAllListeners('request');
  let asked = false;
  dialog?.on('request', (transaction) => {
    if (transaction.request.method === 'INVITE') asked = true;
    else transaction.respond(200);
  });
  // Not by `rejects`: vitest would hold the promise, and by it the leg.
  const answer = leg.reinvite(sdp.replace('o=- 1 1', 'o=- 1 2')).catch(String);
  await until('the re-INVITE is there', () => asked);
  await leg.bye();
  expect(await answer).toBe('Error: the dialog is over');
}

it.each(sipServerKinds)('a re-INVITE that crosses the BYE holds nothing of its call (%s)', async (kind) => {
  const begun = async (): Promise<WeakRef<object>> => {
    const { invite, phone, sdp } = await call(kind, { media: false });
    const outcome = await invite.outcome;
    if (outcome.kind !== 'answered') throw new Error(`${outcome.kind} where an answer was to come`);
    const there = await phone.nextCall();
    await there.acknowledged();
    await hangUpWhileAsking(outcome.leg, there, sdp);
    return new WeakRef(outcome.leg);
  };
  await untilForgotten(await begun());
});

it.each(sipServerKinds)('an INVITE whose CANCEL is not answered holds nothing of its call (%s)', async (kind) => {
  const begun = async (): Promise<WeakRef<object>> => {
    const { invite, phone } = await call(kind, { media: false, answerAfterMs: 'never' });
    let rings = false;
    invite.onProgress(() => (rings = true));
    await until('it rings', () => rings);
    phone.stack.transport.removeAllListeners('message');
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    invite.cancel();
    vi.advanceTimersByTime(34_000);
    vi.useRealTimers();
    expect(await invite.outcome).toEqual({ kind: 'cancelled' });
    return new WeakRef(invite);
  };
  await untilForgotten(await begun());
});
