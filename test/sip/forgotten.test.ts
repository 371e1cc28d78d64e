import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { DialogLeg, OutgoingInvite } from '../../src/call/sip-ports.js';
import { Phone, type AnswerScript, type IncomingCall } from '../../src/sandbox/phone/index.js';
import { DrachtioSipSide } from '../../src/sip/sip-side.js';
import { AddressBlock } from '../support/addresses.js';
import { plainSdp, RawSip, viaOf } from '../support/raw-sip.js';
import { sipServerKinds, startSipServer } from '../support/sip-server.js';
import { until } from '../support/until.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

type Kind = (typeof sipServerKinds)[number];

/** Our side of SIP, and an address for who is called. */
async function ourSide(kind: Kind) {
  const addresses = await AddressBlock.claim();
  const server = await startSipServer(kind, addresses.engines);
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
    await server.stop();
    addresses.release();
  });
  await until('the link is up', () => side.up);
  return { side, host: addresses.business() };
}

const inviteOf = (uri: string, sdp: string) => ({
  uri,
  sdp,
  from: { user: '101', displayName: null },
  headers: {},
  timeoutMs: 30_000,
});

/** An INVITE of ours to a phone. */
async function call(kind: Kind, answers: AnswerScript) {
  const { side, host } = await ourSide(kind);
  const phone = await Phone.open({ host, port: 5060, answers });
  onTestFinished(() => phone.close());
  const sdp = plainSdp(host);
  return { invite: side.invite(inviteOf(phone.uri(), sdp)), phone, sdp };
}

/** Until nothing holds it any more. */
async function untilForgotten(held: WeakRef<object>): Promise<void> {
  await until('it is forgotten', () => {
    collectGarbage();
    return held.deref() === undefined;
  });
}

/** Cancels it, and lets the time for an answer go by. */
async function cancelInVain(
  invite: OutgoingInvite,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  invite.cancel();
  await meanwhile();
  vi.advanceTimersByTime(34_000);
  vi.useRealTimers();
  expect(await invite.outcome).toEqual({ kind: 'cancelled' });
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
  const answer = leg.reinvite(sdp.replace('o=raw 1 1', 'o=raw 1 2')).catch(String);
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
    await cancelInVain(invite);
    return new WeakRef(invite);
  };
  await untilForgotten(await begun());
});

it.each(sipServerKinds)(
  'an INVITE that is trying only when it is cancelled holds nothing of its call (%s)',
  async (kind) => {
    const begun = async (): Promise<WeakRef<object>> => {
      const { side, host } = await ourSide(kind);
      const phone = await RawSip.open(host);
      onTestFinished(() => phone.close());
      const invite = side.invite(inviteOf(`sip:101@${host}:5060`, plainSdp(host)));
      await phone.received(/^INVITE /);
      await cancelInVain(invite, async () => {
        await new Promise<void>((resolve) => {
          phone.onMessage((message) => {
            // The INVITE once more: what was lost were the datagrams, not he.
            if (message.startsWith('INVITE '))
              phone.send(phone.response('100 Trying', message, { toTag: '1' }), viaOf(message));
            if (message.startsWith('CANCEL ')) resolve();
          });
        });
      });
      return new WeakRef(invite);
    };
    await untilForgotten(await begun());
  },
);
