import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { expectLost, lastCall } from '../support/expectations.js';
import { heard, hears } from '../support/hearing.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../support/wav.js';

const ANNOUNCEMENT_HZ = 620;
const EARLY_HZ = 850;

const stage = await Stage.open();

const scenes = {
  keys: stage.scene(),
  infoKeys: stage.scene(),
  early: stage.scene(),
  businessHolds: stage.scene(),
  movesAtOnce: stage.scene(),
  announced: stage.scene({ announcement: `tone_stream://%(1500,0,${ANNOUNCEMENT_HZ})` }),
  leavesAnnouncement: stage.scene({ announcement: `tone_stream://%(60000,0,${ANNOUNCEMENT_HZ})` }),
};

describe.skipIf(!enginesHere())('what is heard', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test.concurrent('keys pressed in the sound (RFC 4733) reach the other side', async () => {
    const { caller, business } = await scenes.keys.talk();
    await caller.press('159#');
    await business.press('42*');
    await until('the keys', () => business.digits === '159#' && caller.digits === '42*');
    await caller.hangUp();
    await business.ended();
    expect(lastCall(await scenes.keys.events())).toMatchObject({ disposition: 'answered' });
  });

  test.concurrent('keys pressed as INFO reach the other side', async () => {
    const { caller, business } = await scenes.infoKeys.talk();
    await caller.press('7', 'info');
    await business.press('8', 'info');
    await until('the keys', () => business.digits === '7' && caller.digits === '8');
    await caller.hangUp();
    await scenes.infoKeys.events();
  });

  test.concurrent('the caller hears what the business sends before it answers', async () => {
    const scene = scenes.early;
    const there = await scene.businessPhone({
      ring: { status: 183, earlyToneHz: EARLY_HZ },
      answerAfterMs: 'never',
      toneHz: BUSINESS_HZ,
    });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    const business = await there.nextCall();
    await until('the early sound', () => hears(caller, EARLY_HZ));
    expect(caller.isAnswered).toBe(false);
    business.pickUp();
    await caller.answered();
    await until('the answer', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await caller.hangUp();
    await scene.events();
  });

  test.concurrent('the business holds, resumes and refreshes by UPDATE', async () => {
    const { caller, business } = await scenes.businessHolds.talk();
    const held = await business.hold();
    expect(held.body).toMatch(/^a=recvonly\r$/m);
    await business.resume();
    await until('they hear each other again', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    const heldAgain = await business.hold();
    const offer = await business.resume('asked');
    expect(offer.body).not.toMatch(/^a=(sendonly|recvonly|inactive)/m);
    const version = ({ body }: { body: string }): number => Number(/^o=\S+ \S+ (\d+)/m.exec(body)?.[1]);
    expect(version(offer)).toBeGreaterThan(version(heldAgain));
    expect(version(await business.hold())).toBeGreaterThan(version(offer));
    await business.resume();
    const timer = { Supported: 'timer', 'Session-Expires': '90;refresher=uac' };
    for (const refreshed of [
      await business.refresh('UPDATE', timer),
      await business.request('UPDATE', { headers: timer }),
    ])
      expect([refreshed.status, refreshed.headers.get('Session-Expires')]).toEqual([200, '90;refresher=uac']);
    await until('they hear each other once more', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await business.hangUp();
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(lastCall(await scenes.businessHolds.events()).ended).toMatchObject({ by: 'business' });
  });

  test.concurrent(
    'what the business changes as soon as it has answered is heard of, as by a PBX that moves the sound',
    async () => {
      const scene = scenes.movesAtOnce;
      const there = await scene.businessPhone();
      const caller = await (await scene.callerPhone()).call(scene.dialled);
      const business = await there.nextCall();
      await business.acknowledged();
      expect((await business.hold()).body).toMatch(/^a=recvonly\r$/m);
      await business.resume();
      await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
      await caller.hangUp();
      await scene.events();
    },
  );

  test.concurrent('a caller whom nobody takes hears the announcement, unbilled, and is then refused', async () => {
    const scene = scenes.announced;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await caller.ringing()).toMatchObject({ status: 183 });
    await heard(caller, ANNOUNCEMENT_HZ);
    expect(await caller.ended()).toMatchObject({ how: 'refused', status: 486 });
    expect(caller.isAnswered).toBe(false);
    await expectLost(scene, { lossReason: 'busy', legs: ['busy'] });
  });

  test.concurrent('a caller may leave the announcement', async () => {
    const scene = scenes.leavesAnnouncement;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await heard(caller, ANNOUNCEMENT_HZ);
    caller.cancel();
    expect(await caller.ended()).toMatchObject({ status: 487 });
    await expectLost(scene, { lossReason: 'busy', legs: ['busy'] });
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
