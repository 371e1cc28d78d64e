import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BrokenMedia } from '../support/broken-media.js';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { hears } from '../support/hearing.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../support/wav.js';

const stage = await Stage.open();
const scene = stage.scene();
const late = stage.scene();

describe.skipIf(!enginesHere())('a call whose FreeSWITCH does not take it', () => {
  let broken: BrokenMedia[];
  beforeAll(async () => {
    broken = [
      await BrokenMedia.open(stage.addresses.stranger(), 'silent'),
      await BrokenMedia.open(stage.addresses.stranger(), 'full'),
    ];
    await stage.start({ mediaBefore: broken.map(({ configuration }) => configuration) });
    const health = async () => await (await fetch(`${stage.gateway.url}/readyz`)).text();
    await until('all of them seem to be well', async () => (await health()).match(/ up/g)?.length === 3);
  });
  afterAll(async () => {
    await stage.stop();
    for (const server of broken) server.close();
  });

  test('goes to the next one, after silence and after a refusal, and nothing of it is lost', async () => {
    const { caller, business } = await scene.talk();
    expect(broken.map(({ invites }) => invites > 0)).toEqual([true, true]);
    await until('both are heard', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await caller.hangUp();
    await business.ended();
    const events = await scene.events();
    expect(events.map(({ type }) => type)).toEqual([
      'call.received',
      'call.ringing',
      'call.answered',
      'call.completed',
      'recording.ready',
    ]);
    expect(lastCall(events)).toMatchObject({
      ended: { by: 'caller', reason: 'normal' },
      legs: [{ result: 'answered' }],
    });
    await stage.expectNothingLeft();
  });

  test('goes on where it is when one of those before dials back after all', async () => {
    const [slow, full] = broken;
    full?.onInvite(() => slow?.dialBack(stage.sip));
    const { caller, business } = await late.talk();
    await caller.hangUp();
    await business.ended();
    expect(slow?.answers.find((answer) => !answer.startsWith('SIP/2.0 100'))).toMatch(/^SIP\/2\.0 481 /);
    expect(lastCall(await late.events())).toMatchObject({ disposition: 'answered', legs: [{ result: 'answered' }] });
    await stage.expectNothingLeft();
  });
});
