import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OutgoingCall } from '../../src/sandbox/phone/index.js';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { hears } from '../support/hearing.js';
import { answeredId, CONTROLS_ACCESS, RecordingControls, talkOn } from '../support/recording-controls.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../support/wav.js';

const stage = await Stage.open();
const NOTICE_HZ = 620;
const announced = (ms: number) => ({
  recording: { mode: 'always', announcement: `tone_stream://%(${ms},0,${NOTICE_HZ})`, declineKey: '9' },
});
const scenes = {
  mediaLink: stage.scene(),
  mediaLinkNext: stage.scene(),
  answeredMeanwhile: stage.scene(),
  heldMeanwhile: stage.scene(),
  sipLink: stage.scene(),
  sipLinkNext: stage.scene(),
  held: stage.scene(),
  ringing: stage.scene(),
  setUp: stage.scene(),
  engaged: stage.scene({
    to: 'destination',
    more: () => ({
      outbound: { callsPerSecond: 0.1, queue: '10s' },
      route: announced(200),
    }),
  }),
  greeted: stage.scene({ more: () => ({ route: announced(6000) }) }),
  silent: stage.scene(),
  rungInVain: stage.scene({ for: '2s', next: 'no-answer' }),
  announced: stage.scene({ announcement: 'tone_stream://%(1000,0,620)' }),
};

const controls = new RecordingControls(stage);
const MEDIA_TIMEOUT_MS = 3000;

const readyStatus = async (): Promise<number> => (await fetch(`${stage.gateway.url}/readyz`)).status;

/** A call from end to end, to see that everything works again. */
async function callWorks(scene: Scene): Promise<void> {
  const { caller, business } = await scene.talk();
  await caller.hangUp();
  await business.ended();
  const types = (await scene.events()).map((event) => event.type);
  expect(types).toEqual(['call.received', 'call.ringing', 'call.answered', 'call.completed', 'recording.ready']);
}

/** Breaks a wire until the gateway has noticed. */
async function cut(wire: 'drachtio' | 'freeswitch'): Promise<void> {
  stage.wires[wire].cut();
  await until('the gateway notices', async () => (await readyStatus()) === 503);
}

async function join(wire: 'drachtio' | 'freeswitch'): Promise<void> {
  stage.wires[wire].join();
  await until('the gateway is back', async () => (await readyStatus()) === 200);
}

/** No packet comes from him for longer than from anybody who does not hold. */
async function longSilence({ media }: OutgoingCall): Promise<void> {
  media.sends = false;
  const silentAt = Date.now();
  await until('others would be taken for dead', () => Date.now() - silentAt > 1.5 * MEDIA_TIMEOUT_MS);
  media.sends = true;
}

describe.skipIf(!enginesHere())('a lost link', () => {
  beforeAll(() => stage.start({ mediaTimeoutMs: MEDIA_TIMEOUT_MS, config: { access: CONTROLS_ACCESS } }));
  afterAll(() => stage.stop());

  test('the event socket: a talk goes on, and ends with everything told', async () => {
    const scene = scenes.mediaLink;
    const { caller, business } = await scene.talk();
    await cut('freeswitch');
    const refused = await (await scenes.mediaLinkNext.callerPhone()).call(scenes.mediaLinkNext.dialled);
    const { status, message } = await refused.ended();
    expect(status).toBe(503);
    expect(message?.headers.get('Retry-After')).toMatch(/^\d+$/);
    await join('freeswitch');
    await until('the talk goes on', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await caller.hangUp();
    await business.ended();
    const call = lastCall(await scene.events());
    expect(call).toMatchObject({ ended: { by: 'caller', reason: 'normal' }, recording: { status: 'ready' } });
  });

  test('the event socket, with the talk ending meanwhile', async () => {
    const { caller, business } = await scenes.ringing.talk();
    await cut('freeswitch');
    await business.hangUp();
    await caller.ended();
    await join('freeswitch');
    const call = lastCall(await scenes.ringing.events());
    expect(call).toMatchObject({ ended: { by: 'business', reason: 'normal' }, recording: { status: 'ready' } });
  });

  test('the event socket, with the answer meanwhile: the talk can be masked and held as any other', async () => {
    const scene = scenes.answeredMeanwhile;
    const there = await scene.businessPhone({ answerAfterMs: 'never', toneHz: BUSINESS_HZ });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    const business = await there.nextCall();
    await caller.ringing();
    await cut('freeswitch');
    business.pickUp();
    await caller.answered();
    await talkOn(caller, 1000);
    const joinedAt = Date.now();
    await join('freeswitch');
    const id = await answeredId(stage, scene);
    await controls.acts(id, 'mask');
    await talkOn(caller, 500);
    await controls.acts(id, 'unmask');
    await caller.hold();
    await longSilence(caller);
    await caller.resume();
    await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await caller.hangUp();
    const { ended, recording } = lastCall(await scene.events());
    expect(ended).toMatchObject({ by: 'caller', reason: 'normal' });
    expect(recording).toMatchObject({ status: 'ready', masked: [{ toSeconds: expect.any(Number) as number }] });
    // By when the sound began, not by when we came to know of it.
    expect(Date.parse(recording.startedAt ?? '')).toBeLessThan(joinedAt);
    expect(recording.masked[0]?.fromSeconds).toBeGreaterThan(0.9);
  });

  test('the event socket, with a hold meanwhile: he may be silent for as long as any other', async () => {
    const scene = scenes.heldMeanwhile;
    const { caller, business } = await scene.talk();
    await cut('freeswitch');
    expect((await caller.hold()).status).toBe(200);
    await join('freeswitch');
    await longSilence(caller);
    expect(caller.isEnded).toBe(false);
    expect((await caller.resume()).status).toBe(200);
    await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await caller.hangUp();
    expect(lastCall(await scene.events()).ended).toMatchObject({ by: 'caller', reason: 'normal' });
  });

  test('drachtio: a talk goes on and ends with everything told, and new calls work', async () => {
    const scene = scenes.sipLink;
    const { caller, business } = await scene.talk();
    await cut('drachtio');
    await join('drachtio');
    await until('the talk goes on', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await callWorks(scenes.sipLinkNext);
    // drachtio answers this BYE for an application that is no more; silence on his leg tells us.
    await caller.hangUp();
    expect(await business.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    const call = lastCall(await scene.events());
    expect(call).toMatchObject({ disposition: 'answered', recording: { status: 'ready' } });
  });

  test('drachtio: a talk that the caller holds ends: nobody would hear of his hanging up', async () => {
    const { caller, business } = await scenes.held.talk();
    expect((await caller.hold()).status).toBe(200);
    await cut('drachtio');
    await join('drachtio');
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(await business.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(lastCall(await scenes.held.events())).toMatchObject({
      disposition: 'answered',
      ended: { by: 'gateway', reason: 'link_lost' },
      recording: { status: 'ready' },
    });
  });

  test('drachtio: who is being set up is refused, and the phone that rings stops', async () => {
    const scene = scenes.setUp;
    const there = await scene.businessPhone({ answerAfterMs: 'never' });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    const ringing = await there.nextCall();
    await caller.ringing();
    await cut('drachtio');
    await join('drachtio');
    expect(await ringing.ended()).toMatchObject({ by: 'remote', how: 'cancel' });
    expect(await caller.ended()).toMatchObject({ how: 'refused', status: 503 });
    expect(lastCall(await scene.events())).toMatchObject({
      disposition: 'missed',
      lossReason: 'gateway_lost',
      ended: { by: 'gateway', reason: 'link_lost', sip: 503 },
    });
    await stage.expectNothingLeft();
  });

  test('drachtio: a caller who was answered for an announcement, while nobody rings, is let go of as any other', async () => {
    const scene = scenes.engaged;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const phone = await scene.callerPhone();
    await (await phone.call(scene.dialled)).ended();
    const caller = await phone.call(scene.dialled);
    await caller.answered();
    const channel = `destination:${scene.targetIds[0] ?? ''}`;
    await until('he waits for his turn', async () => (await stage.channelsInUse()).get(channel) === 1);
    await cut('drachtio');
    await join('drachtio');
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(lastCall(await scene.events(2))).toMatchObject({
      disposition: 'missed',
      lossReason: 'gateway_lost',
      legs: [],
      ended: { by: 'gateway', reason: 'link_lost', sip: 200 },
    });
  });

  test('drachtio: a caller who is still greeted is put through over the next link', async () => {
    const scene = scenes.greeted;
    const there = await scene.businessPhone();
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await until('he hears it', () => hears(caller, NOTICE_HZ));
    await cut('drachtio');
    await join('drachtio');
    const business = await there.nextCall();
    await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await business.hangUp();
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(lastCall(await scene.events())).toMatchObject({ disposition: 'answered', ended: { by: 'business' } });
  });

  test('drachtio, silent: calls let go of their channels, and everybody is hung up on over the next link', async () => {
    const { caller: talking, business } = await scenes.silent.talk();
    const scene = scenes.announced;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await caller.ringing()).toMatchObject({ status: 183 });
    stage.wires.drachtio.freeze();
    // FreeSWITCH tells of it over its own wire.
    await talking.media.close();
    await until('nothing is held', async () => [...(await stage.channelsInUse()).values()].every((held) => held === 0));
    await cut('drachtio');
    await join('drachtio');
    expect(await business.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(await talking.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'refused' });
  });

  test('drachtio, silent: a phone whose time is over meanwhile stops ringing over the next link', async () => {
    const scene = scenes.rungInVain;
    const there = await scene.businessPhone({ answerAfterMs: 'never' });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    const ringing = await there.nextCall();
    await caller.ringing();
    stage.wires.drachtio.freeze();
    const frozenAt = Date.now();
    await until('its time is over', () => Date.now() - frozenAt > 3000);
    await cut('drachtio');
    await join('drachtio');
    expect(await caller.ended()).toMatchObject({ how: 'refused', status: 503 });
    expect(await ringing.ended()).toMatchObject({ by: 'remote', how: 'cancel' });
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
