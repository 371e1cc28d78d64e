import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { byeOf, headerValue, plainSdp, RawSip, viaOf } from '../support/raw-sip.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';

const stage = await Stage.open();
const withAnswer = Array.from({ length: 5 }, () => stage.scene());
const afterAnswer = Array.from({ length: 5 }, () => stage.scene());
// Of a lost call FreeSWITCH may have begun a file, which stays in the spool for some minutes.
const hungUpAtOnce = Array.from({ length: 5 }, () => stage.scene({ recording: 'never' }));

/** A call between two raw sockets; `onAnswer` and `onOk` run in the tick in which those messages arrive. */
async function raceCall(
  scene: Scene,
  moments: {
    /** The business is about to send its 200. */
    answering?: (cancel: () => void) => void;
    /** The caller has just got the 200. */
    answered?: (cancel: () => void) => void;
    /** The business has just got the ACK to its 200. */
    acknowledged?: (hangUp: () => void) => void;
  },
): Promise<{ caller: RawSip; business: RawSip; hangUp: () => void }> {
  const caller = await RawSip.open(scene.carrierAddress);
  const business = await RawSip.open(scene.businessAddresses[0] ?? '');
  const dialog = {
    called: scene.trackingNumber,
    caller: scene.callerNumber,
    callId: `race-${scene.n}`,
    branch: `r${scene.n}`,
  };
  const cancel = (): void => caller.send(caller.request('CANCEL', stage.sip, dialog), stage.sip);

  let invited = '';
  business.onMessage((message) => {
    const to = viaOf(message);
    if (message.startsWith('ACK ')) {
      moments.acknowledged?.(() => business.send(byeOf(invited, business, 'b'), to));
    } else if (message.startsWith('INVITE ')) {
      invited = message;
      const ok = business.response('200 OK', message, { toTag: 'b', body: plainSdp(business.address) });
      business.send(business.response('180 Ringing', message, { toTag: 'b' }), to);
      setImmediate(() => {
        moments.answering?.(cancel);
        business.send(ok, to);
      });
    } else if (/^(BYE|CANCEL) /.test(message)) {
      business.send(business.response('200 OK', message, { toTag: 'b' }), to);
    }
  });
  caller.onMessage((message) => {
    const final = /^SIP\/2\.0 [2-6]\d\d /.test(message) && / INVITE$/.test(headerValue(message, 'CSeq') ?? '');
    if (message.startsWith('BYE ')) caller.send(caller.response('200 OK', message, { toTag: 'c' }), viaOf(message));
    if (!final) return;
    const toTag = /;tag=([^;\s]+)/.exec(headerValue(message, 'To') ?? '')?.[1] ?? '';
    if (message.startsWith('SIP/2.0 200')) moments.answered?.(cancel);
    caller.send(caller.request('ACK', stage.sip, { ...dialog, toTag }), stage.sip);
  });
  caller.send(caller.request('INVITE', stage.sip, { ...dialog, body: plainSdp(caller.address) }), stage.sip);
  const hangUp = (): void => {
    const ok = caller.messages.find((message) => message.startsWith('SIP/2.0 200')) ?? '';
    const toTag = /;tag=([^;\s]+)/.exec(headerValue(ok, 'To') ?? '')?.[1] ?? '';
    caller.send(caller.request('BYE', stage.sip, { ...dialog, branch: `bye${scene.n}`, toTag, cseq: 2 }), stage.sip);
  };
  return { caller, business, hangUp };
}

describe.skipIf(!enginesHere())('a 200, and a CANCEL or BYE that crosses it', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test.concurrent.each(withAnswer)(
    'the caller gives up in the millisecond in which the business answers ($n)',
    async (scene) => {
      const { caller, business } = await raceCall(scene, { answering: (cancel) => cancel() });
      try {
        expect(await caller.received(/^SIP\/2\.0 [2-6].*\r\n[^]*CSeq: 1 INVITE/i)).toMatch(/^SIP\/2\.0 487 /);
        // Its 200 was on the way: it is acknowledged and hung up, or was never taken and is cancelled.
        await business.received(/^(BYE|CANCEL) /);
        const call = lastCall(await scene.events());
        expect(call).toMatchObject({ disposition: 'missed', lossReason: 'caller_hung_up' });
      } finally {
        caller.close();
        business.close();
      }
    },
  );

  test.concurrent.each(afterAnswer)('a CANCEL that comes when the 200 is out changes nothing ($n)', async (scene) => {
    const { caller, business, hangUp } = await raceCall(scene, { answered: (cancel) => cancel() });
    try {
      // RFC 3261 9.2: the transaction it would cancel has its final answer.
      await caller.received(/^SIP\/2\.0 [2-6].*\r\n[^]*CSeq: 1 CANCEL/i);
      await stage.receiver.next(({ type, data }) => type === 'call.answered' && scene.owns(data.call));
      hangUp();
      await business.received(/^BYE /);
      const events = await scene.events();
      expect(events.filter((event) => /completed|missed|rejected/.test(event.type))).toHaveLength(1);
      expect(lastCall(events)).toMatchObject({ disposition: 'answered', ended: { by: 'caller', reason: 'normal' } });
    } finally {
      caller.close();
      business.close();
    }
  });

  test.concurrent.each(hungUpAtOnce)('a business that hangs up as soon as it may ($n)', async (scene) => {
    const { caller, business } = await raceCall(scene, { acknowledged: (hangUp) => hangUp() });
    try {
      await business.received(/^SIP\/2\.0 200 .*\r\n[^]*CSeq: 1 BYE/i);
      const { disposition, lossReason, ended } = lastCall(await scene.events());
      // The caller's 200 may have left by then, and what he got is what is told.
      const outcome = { answered: [null, 200], missed: ['declined', 603] }[String(disposition)];
      expect([lossReason, ended?.sip]).toEqual(outcome);
      const final = await caller.received(/^SIP\/2\.0 [2-6].*\r\n[^]*CSeq: 1 INVITE/i);
      expect(final.slice(0, 11)).toBe(`SIP/2.0 ${ended?.sip}`);
      expect(ended?.by).toBe('business');
    } finally {
      caller.close();
      business.close();
    }
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
