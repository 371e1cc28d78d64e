import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { CALLBACK, expectLost, expectPlayed, expectTalk } from '../support/expectations.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

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

/** The business refuses with `status`; the caller gets `expected`. */
async function refused(scene: (typeof scenes)['busy'], status: string, expected: string, headers = ''): Promise<void> {
  const business = await scene.business('business-refuses', { values: { STATUS: status, HEADERS: headers } });
  const caller = await scene.caller('caller-is-refused', { values: { STATUS: expected } });
  const [heardBack, there] = await Promise.all([caller.done, business.done]);
  expectPlayed(heardBack, there);
}

describe.skipIf(!enginesHere())('calls that nobody answers', () => {
  beforeAll(() => stage.start(), 60_000);
  afterAll(() => stage.stop(), 60_000);

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
    const business = await scene.business('business-is-cancelled', { values: { PROGRESS: '100 Trying' } });
    // Long enough for the business to have its INVITE on a busy machine too: it waits for it.
    const caller = await scene.caller('caller-cancels-early', { values: { WAIT: 2000 } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    expect(heardBack.trace.received('INVITE')).toEqual([487]);
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
      const first = await scene.business('business-answers', {}, 0);
      const line = await scene.business('business-answers', {}, 1);
      const caller = await scene.caller('caller-hangs-up', { calls: 2, callsPerSecond: 2, values: { TALK: 3000 } });
      expectPlayed(...(await Promise.all([caller.done, first.done, line.done])));
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
    const business = await scene.business('business-answers');
    const holder = await scene.caller('caller-hangs-up', { values: { TALK: 4000 } });
    await stage.receiver.next(
      (event) => event.type === 'call.answered' && event.data.call.trackingNumber === scene.trackingNumber,
    );
    const second = await scene.caller('caller-is-refused', { port: 5062, values: { STATUS: '486' } });
    expectPlayed(...(await Promise.all([second.done, holder.done, business.done])));
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
    const number = await scene.business('business-answers', {}, 0);
    const line = await scene.business('business-answers', {}, 1);
    const two = await scene.caller('caller-hangs-up', { calls: 2, callsPerSecond: 5, values: { TALK: 4000 } });
    const talks = () =>
      stage.receiver.events.filter(({ type, data }) => type === 'call.answered' && scene.owns(data.call));
    await until('both talk', () => talks().length === 2);
    const third = await scene.caller('caller-is-refused', { port: 5062, values: { STATUS: '486' } });
    expectPlayed(...(await Promise.all([third.done, two.done, number.done, line.done])));
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

  test('nothing is left of all of them', { timeout: 40_000 }, () => stage.expectNothingLeft());
});
