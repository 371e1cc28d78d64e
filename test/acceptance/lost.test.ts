import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnswerScript, OutgoingCall } from '../../src/sandbox/phone/index.js';
import { enginesHere } from '../support/engines.js';
import { CALLBACK, expectLost, expectPlayed, expectTalk } from '../support/expectations.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';

const stage = await Stage.open();

const scenes = {
  busy: stage.scene(),
  declined: stage.scene(),
  serviceUnavailable: stage.scene({ to: 'destination' }),
  notFound: stage.scene(),
  noAnswer: stage.scene({ for: '2s' }),
  nobodyThere: stage.scene({ to: 'destination', for: '3s' }),
  redirected: stage.scene(),
  codec: stage.scene(),
  cancelledEarly: stage.scene(),
  cancelledRinging: stage.scene(),
  farEndFull: stage.scene({ to: 'destination', next: 'overflow' }),
  ownLimit: stage.scene({ to: 'destination', channels: 1, next: 'overflow' }),
  allFull: stage.scene({ to: 'destination', channels: 1 }),
  threeCallers: stage.scene({ to: 'destination', channels: 1, next: 'overflow' }),
};

const RINGING_THEN_MISSED = ['call.received', 'call.ringing', 'call.missed'];

/** Without a clock: a talk lasts until its test ends it. */
const ANSWERS: AnswerScript = { media: false };

/** Each of a phone of his own. */
async function dial(scene: Scene): Promise<OutgoingCall> {
  const phone = await stage.phone({ host: scene.carrierAddress, user: scene.callerNumber });
  return await phone.call({ ...scene.dialled, media: false });
}

async function talkWith(scene: Scene): Promise<OutgoingCall> {
  const call = await dial(scene);
  await call.answered();
  return call;
}

/** The business refuses with `status`; the caller gets `expected`. */
async function refused(scene: Scene, status: string, expected: string, headers = ''): Promise<void> {
  const business = await scene.business('business-refuses', { values: { STATUS: status, HEADERS: headers } });
  const caller = await scene.caller('caller-is-refused', { values: { STATUS: expected } });
  const [heardBack, there] = await Promise.all([caller.done, business.done]);
  expectPlayed(heardBack, there);
}

describe.skipIf(!enginesHere())('calls that nobody answers', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test.concurrent('busy', async () => {
    await refused(scenes.busy, '486 Busy Here', '486');
    const call = await expectLost(scenes.busy, { lossReason: 'busy', legs: ['busy'] });
    expect(call.legs[0]).toMatchObject({ kind: 'line', sip: 486 });
  });

  test.concurrent('declined', async () => {
    await refused(scenes.declined, '603 Decline', '603');
    await expectLost(scenes.declined, { lossReason: 'declined', legs: ['declined'] });
  });

  test.concurrent('503 from the carrier: it is full', async () => {
    await refused(
      scenes.serviceUnavailable,
      '503 Service Unavailable',
      '486',
      'Reason: Q.850;cause=34;text="no circuit"',
    );
    const call = await expectLost(scenes.serviceUnavailable, {
      lossReason: 'destination_capacity',
      legs: ['capacity'],
    });
    expect(call.legs[0]).toMatchObject({ kind: 'destination', sip: 503, q850: 34 });
    expect(call.tags).toEqual(CALLBACK);
  });

  test.concurrent('404 from the business', async () => {
    await refused(scenes.notFound, '404 Not Found', '480');
    await expectLost(scenes.notFound, { lossReason: 'unreachable', legs: ['unknown'] });
  });

  test.concurrent('no answer', async () => {
    const scene = scenes.noAnswer;
    const business = await scene.business('business-is-cancelled');
    const caller = await scene.caller('caller-is-refused', { values: { STATUS: '480' } });
    expectPlayed(...(await Promise.all([caller.done, business.done])));
    await expectLost(scene, { lossReason: 'no_answer', legs: ['no_answer'], types: RINGING_THEN_MISSED });
  });

  test.concurrent('nobody at that address', async () => {
    const scene = scenes.nobodyThere;
    const caller = await scene.caller('caller-is-refused', { values: { STATUS: '480' } });
    expectPlayed(await caller.done);
    // drachtio says 503 for a closed port, which is no word of the carrier's that it is full.
    const call = await expectLost(scene, { lossReason: 'unreachable', legs: ['unreachable'] });
    expect(call.legs[0]).toMatchObject({ kind: 'destination', sip: null });
  });

  test.concurrent('a redirect is refused and not followed', async () => {
    const premium = `Contact: <sip:+79001112233@${stage.addresses.stranger()}:5060>`;
    await refused(scenes.redirected, '302 Moved Temporarily', '480', premium);
    await expectLost(scenes.redirected, { lossReason: 'unreachable', legs: ['redirected'] });
  });

  test.concurrent('the business knows none of our codecs', async () => {
    await refused(scenes.codec, '488 Not Acceptable Here', '488');
    await expectLost(scenes.codec, { lossReason: 'media_failure', legs: ['incompatible'] });
  });

  test.concurrent('the caller gives up before it rings', async () => {
    const scene = scenes.cancelledEarly;
    const there = await scene.businessPhone({ ring: false, answerAfterMs: 'never', media: false });
    const caller = await dial(scene);
    const business = await there.nextCall();
    caller.cancel();
    expect(await business.ended()).toMatchObject({ by: 'remote', how: 'cancel' });
    expect(await caller.ended()).toMatchObject({ by: 'local', how: 'cancel', status: 487 });
    expect(caller.timings.ringingMs).toBeUndefined();
    await expectLost(scene, { lossReason: 'caller_hung_up', legs: ['cancelled'] });
  });

  test.concurrent('the caller gives up while it rings', async () => {
    const scene = scenes.cancelledRinging;
    const business = await scene.business('business-is-cancelled');
    const caller = await scene.caller('caller-cancels-ringing', { values: { WAIT: 1000 } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    expect(heardBack.trace.received('INVITE')).toEqual([180, 487]);
    await expectLost(scene, { lossReason: 'caller_hung_up', legs: ['cancelled'], types: RINGING_THEN_MISSED });
  });

  test.concurrent('the far end is full: the next step takes the call', async () => {
    const scene = scenes.farEndFull;
    const full = await scene.business('business-refuses', { values: { STATUS: '503 Service Unavailable' } }, 0);
    const line = await scene.business('business-answers', {}, 1);
    const caller = await scene.caller('caller-hangs-up');
    expectPlayed(...(await Promise.all([caller.done, full.done, line.done])));
    const call = await expectTalk(stage, scene, {
      endedBy: 'caller',
      types: ['call.received', 'call.overflowed', 'call.ringing', 'call.answered', 'call.completed', 'recording.ready'],
    });
    expect(call.overflow).toEqual({ from: scene.targetIds[0], reason: 'far_end_capacity' });
    expect(call.legs.map((leg) => leg.result)).toEqual(['capacity', 'answered']);
  });

  test.concurrent(
    'our own limit is reached: the next step takes the call, and nothing is dialled in vain',
    async () => {
      const scene = scenes.ownLimit;
      const [first] = [await scene.businessPhone(ANSWERS, 0), await scene.businessPhone(ANSWERS, 1)];
      const talks = [await talkWith(scene), await talkWith(scene)];
      await Promise.all(talks.map((call) => call.hangUp()));
      expect(first.calls).toHaveLength(1);
      const events = await scene.events(2);
      // Events of two calls come in no order of theirs.
      const ended = events
        .filter((event) => event.type === 'call.completed')
        .map((event) => event.data.call)
        .sort((a, b) => a.startedAt.localeCompare(b.startedAt));
      expect(ended.map((call) => call.overflow)).toEqual([
        null,
        { from: scene.targetIds[0], reason: 'no_free_channel' },
      ]);
      expect(ended[1]?.legs).toMatchObject([
        { result: 'no_channel', sip: null, channelsInUse: 1, channelLimit: 1 },
        { result: 'answered', target: scene.targetIds[1] },
      ]);
    },
  );

  test.concurrent('everything is full: the call is lost for capacity and marked for a call back', async () => {
    const scene = scenes.allFull;
    await scene.businessPhone(ANSWERS);
    const holder = await talkWith(scene);
    expect(await (await dial(scene)).ended()).toMatchObject({ status: 486 });
    await holder.hangUp();
    const events = await scene.events(2);
    const lost = events.find((event) => event.type === 'call.missed')?.data.call;
    expect(lost).toMatchObject({
      lossReason: 'destination_capacity',
      legs: [{ result: 'no_channel', channelsInUse: 1, channelLimit: 1 }],
      tags: CALLBACK,
    });
  });

  test.concurrent('one channel, one line, three callers: talk, overflow, loss', async () => {
    const scene = scenes.threeCallers;
    for (const phone of [0, 1]) await scene.businessPhone(ANSWERS, phone);
    const two = [await talkWith(scene), await talkWith(scene)];
    expect(await (await dial(scene)).ended()).toMatchObject({ status: 486 });
    await Promise.all(two.map((call) => call.hangUp()));
    const ended = (await scene.events(3)).filter(({ type }) => /completed|missed/.test(type));
    const lost = ended.find(({ type }) => type === 'call.missed')?.data.call;
    const overflowed = ended.filter(({ data }) => data.call.overflow?.from === scene.targetIds[0]);
    expect([ended.length, overflowed.length]).toEqual([3, 2]);
    expect(lost).toMatchObject({
      lossReason: 'destination_capacity',
      legs: [
        { target: scene.targetIds[0], result: 'no_channel', channelsInUse: 1, channelLimit: 1 },
        { target: scene.targetIds[1], result: 'no_channel', channelsInUse: 1, channelLimit: 1 },
      ],
      tags: CALLBACK,
    });
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
