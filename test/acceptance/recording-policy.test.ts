import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readWav } from '../../src/sandbox/rtp/wav-reader.js';
import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import type { Call } from '../../src/call/call.js';
import { enginesHere } from '../support/engines.js';
import { lastCall, recordingFile } from '../support/expectations.js';
import { heard, hears } from '../support/hearing.js';
import {
  answeredId,
  CONTROLS_ACCESS,
  RecordingControls,
  recordingOpened,
  talkOn,
} from '../support/recording-controls.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ, longestSilence } from '../support/wav.js';

const NOTICE_HZ = 620;
const BEEP_HZ = 1400;
const RATE = 8000;
/** Three packets. */
const MASK_EDGE_SECONDS = 0.06;
const notice = `tone_stream://%(1200,0,${NOTICE_HZ})`;

const stage = await Stage.open();
const recorded = (recording: Record<string, unknown>) => ({ more: () => ({ route: { recording } }) });
const scenes = {
  brief: stage.scene(),
  briefOnDemand: stage.scene(recorded({ mode: 'on-demand' })),
  masked: stage.scene(),
  paused: stage.scene(),
  stopped: stage.scene(),
  demanded: stage.scene(recorded({ mode: 'on-demand' })),
  notDemanded: stage.scene(recorded({ mode: 'on-demand' })),
  never: stage.scene({ recording: 'never' }),
  keys: stage.scene(recorded({ mode: 'on-demand', controls: { start: '*1', mask: '*2', unmask: '*3' } })),
  noticed: stage.scene(recorded({ mode: 'always', announcement: notice })),
  agrees: stage.scene(recorded({ mode: 'always', announcement: notice, declineKey: '9' })),
  declines: stage.scene(recorded({ mode: 'always', announcement: notice, declineKey: '9' })),
  unheard: stage.scene(recorded({ mode: 'always', announcement: '/no/such.wav' })),
  halfHeard: stage.scene(
    recorded({ mode: 'on-demand', announcement: { en: notice, ru: '/no/such.wav' }, declineKey: '9' }),
  ),
  beeps: stage.scene(recorded({ mode: 'always', beep: '2s' })),
};

const configuration = {
  sites: [{ id: 'shop', defaultRoute: scenes.masked.routeId, webhooks: ['crm'], languages: ['en', 'ru'] }],
  access: CONTROLS_ACCESS,
};

const controls = new RecordingControls(stage);
const act = controls.act.bind(controls);
const acts = controls.acts.bind(controls);
const idOf = answeredId.bind(null, stage);

/** What the audit log says was done with the recording of a call, the latest first. */
async function audited(id: string): Promise<unknown> {
  const { lines } = (await controls.get(`/v1/audit?call=${id}`)) as {
    lines: { action: string; who: unknown; detail: unknown }[];
  };
  return lines.map(({ action, who, detail }) => ({ action, who, detail }));
}

/** Where it is masked by what is told, the file is silent, and nowhere else. */
async function expectMasked(call: Call): Promise<[from: number, to: number]> {
  const [range] = call.recording.masked;
  const [from, to] = [range?.fromSeconds ?? Number.NaN, range?.toSeconds ?? Number.NaN];
  const silence = await longestSilence(recordingFile(stage, call));
  for (const [n, told] of [from, to].entries())
    expect(Math.abs(told - (silence[n] ?? 0))).toBeLessThan(MASK_EDGE_SECONDS);
  expect(to - from).toBeGreaterThan(1);
  return [from, to];
}

/** For each channel, left first: in each tenth of a second between two positions, the tone heard; null: silence. */
async function tonesBetween(call: Call, from: number, to: number): Promise<(number | null | undefined)[][]> {
  const wav = await readWav(recordingFile(stage, call));
  return wav.channels.map((samples) => {
    const tones: (number | null | undefined)[] = [];
    for (let at = from * RATE; at + RATE / 10 <= Math.min(to * RATE, samples.length); at += RATE / 10) {
      const window = samples.subarray(Math.round(at), Math.round(at) + RATE / 10);
      tones.push(
        window.every((sample) => Math.abs(sample) < 16) ? null : dominantTone(window, [CALLER_HZ, BUSINESS_HZ]),
      );
    }
    return tones;
  });
}

/** Somewhere, and no other tone: what a busy machine sends has gaps. */
function expectTone(tones: (number | null | undefined)[] | undefined, wanted: number): void {
  const heard = (tones ?? []).filter((tone) => tone !== null && tone !== undefined);
  expect(new Set(heard), JSON.stringify(tones)).toEqual(new Set([wanted]));
}

describe.skipIf(!enginesHere())('what is recorded', () => {
  beforeAll(() => stage.start({ config: configuration }));
  afterAll(() => stage.stop());

  test.concurrent('what is masked is silent on both channels, at the positions told', async () => {
    const scene = scenes.masked;
    const { caller } = await scene.talk();
    const id = await idOf(scene);
    await talkOn(caller, 1000);
    expect(await acts(id, 'mask')).toMatchObject({ masked: [{ toSeconds: null }] });
    expect(await act(id, 'mask')).toMatchObject({ status: 200 });
    expect(await act(id, 'pause')).toMatchObject({ status: 409 });
    await talkOn(caller, 1500);
    expect((await act(id, 'unmask')).status).toBe(200);
    await talkOn(caller, 1000);
    await caller.hangUp();
    const call = lastCall(await scene.events());
    expect(call.recording).toMatchObject({ status: 'ready', reason: null, silentChannels: [] });
    const [from, to] = await expectMasked(call);
    for (const part of [await tonesBetween(call, 0, from), await tonesBetween(call, to, Infinity)]) {
      expectTone(part[0], CALLER_HZ);
      expectTone(part[1], BUSINESS_HZ);
    }
    const by = { action: 'recording.control', who: { kind: 'key', name: 'crm' } };
    const masks = ['unmask', 'mask', 'mask'].map((action) => ({ ...by, detail: { action } }));
    await until('the audit log', async () => isDeepStrictEqual(await audited(id), masks));
  });

  test.concurrent('a talk of a fraction of a second is recorded too, from its first packet to its last', async () => {
    const scene = scenes.brief;
    await scene.businessPhone();
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await caller.answered();
    await recordingOpened(stage, await idOf(scene));
    await talkOn(caller, 240);
    await caller.hangUp();
    const call = lastCall(await scene.events());
    expect(call.recording).toMatchObject({ status: 'ready', reason: null });
    expect(call.recording.durationSeconds).toBeGreaterThan(0.2);
  });

  test.concurrent('on demand: asked for at the very end', async () => {
    const scene = scenes.briefOnDemand;
    const { caller } = await scene.talk();
    await acts(await idOf(scene), 'start');
    await talkOn(caller, 240);
    await caller.hangUp();
    const call = lastCall(await scene.events());
    expect(call.recording).toMatchObject({ status: 'ready', reason: null });
    expect(call.recording.durationSeconds).toBeGreaterThan(0.2);
  });

  test.concurrent('what is paused is left out, and not missed', async () => {
    const scene = scenes.paused;
    const { caller } = await scene.talk();
    const id = await idOf(scene);
    await acts(id, 'pause');
    await talkOn(caller, 2000);
    expect((await act(id, 'resume')).status).toBe(200);
    await talkOn(caller, 800);
    await caller.hangUp();
    const call = lastCall(await scene.events());
    expect(call.recording).toMatchObject({ status: 'ready', reason: null });
    const left = call.recording.paused[0]?.seconds ?? 0;
    expect(left).toBeGreaterThan(1.5);
    // More of it is missing than a busy machine could be late with; what is not paused is there, or there were a reason.
    expect(call.recording.durationSeconds).toBeLessThan(call.durations.talkSeconds - 1);
  });

  test.concurrent('a stopped recording stays stopped', async () => {
    const scene = scenes.stopped;
    const { caller } = await scene.talk();
    const id = await idOf(scene);
    await talkOn(caller, 600);
    expect(await acts(id, 'stop')).toMatchObject({ stoppedAt: expect.any(String) as string });
    expect(await act(id, 'start')).toMatchObject({ status: 409, body: { code: 'GW_ERR_CONFLICT' } });
    await talkOn(caller, 1500);
    await caller.hangUp();
    const { recording, durations } = lastCall(await scene.events());
    expect(recording).toMatchObject({ status: 'ready', reason: null });
    expect(recording.durationSeconds).toBeLessThan(durations.talkSeconds - 1);
  });

  test.concurrent('on demand: from the moment when it is asked for', async () => {
    const scene = scenes.demanded;
    const { caller } = await scene.talk();
    const id = await idOf(scene);
    await talkOn(caller, 1000);
    await acts(id, 'start');
    await talkOn(caller, 1200);
    await caller.hangUp();
    const call = lastCall(await scene.events());
    expect(call.recording).toMatchObject({ status: 'ready', reason: null });
    expect(call.recording.durationSeconds).toBeLessThan(call.durations.talkSeconds - 0.7);
    const [left, right] = await tonesBetween(call, 0, Infinity);
    expectTone(left, CALLER_HZ);
    expectTone(right, BUSINESS_HZ);
  });

  test.concurrent('on demand: absent where nobody asked', async () => {
    const { caller } = await scenes.notDemanded.talk();
    await caller.hangUp();
    const call = lastCall(await scenes.notDemanded.events());
    expect(call.recording).toMatchObject({ status: 'absent', reason: 'not_started' });
    expect(await act(call.id, 'start')).toMatchObject({ status: 409, body: { detail: 'the call has ended' } });
    expect(await act('019aa5c1-7c44-7c6e-9d0b-5f1f0f6f2a11', 'start')).toMatchObject({ status: 404 });
    expect(await act(call.id, 'shred')).toMatchObject({ status: 404 });
  });

  test.concurrent('never: nor when it is asked for', async () => {
    const { caller } = await scenes.never.talk();
    expect(await act(await idOf(scenes.never), 'start')).toMatchObject({ status: 409 });
    await caller.hangUp();
    expect(lastCall(await scenes.never.events()).recording).toMatchObject({ status: 'absent', reason: 'not_wanted' });
  });

  test.concurrent('the business keys codes in, which the caller does not hear; other keys he does', async () => {
    const scene = scenes.keys;
    const { caller, business } = await scene.talk();
    const id = await idOf(scene);
    const recording = async () => (await controls.call(id)).recording;
    await business.press('*1');
    await until('it is recorded', async () => (await recording()).status === 'recording');
    await talkOn(caller, 1500);
    await business.press('*2');
    await until('it is masked', async () => (await recording()).masked.length === 1);
    await talkOn(caller, 1500);
    await business.press('*3');
    await until('it is no longer', async () => (await recording()).masked[0]?.toSeconds !== null);
    await talkOn(caller, 1000);
    await business.press('57#');
    await until('the other keys', () => caller.digits === '57#');
    await caller.press('*1');
    await until('the caller’s own keys', () => business.digits === '*1');
    await caller.hangUp();
    const call = lastCall(await scene.events());
    expect(call.recording).toMatchObject({ status: 'ready', masked: [{ toSeconds: expect.any(Number) as number }] });
    await expectMasked(call);
  });

  test.concurrent('the caller hears that he is recorded, unbilled, before anybody rings', async () => {
    const scene = scenes.noticed;
    const there = await scene.businessPhone();
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await heard(caller, NOTICE_HZ);
    expect(caller.isAnswered).toBe(false);
    const business = await there.nextCall();
    await caller.answered();
    await until('the talk', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await recordingOpened(stage, await idOf(scene));
    await talkOn(caller, 240);
    await caller.hangUp();
    const call = lastCall(await scene.events());
    expect(call.recording.status).toBe('ready');
    expect(call.engagedAt).toBe(call.answeredAt);
  });

  test.concurrent('who does not decline is recorded, from the answer on', async () => {
    const scene = scenes.agrees;
    // What it plays before joins the two in FreeSWITCH.
    const ring = { status: 183, earlyToneHz: NOTICE_HZ } as const;
    const there = await scene.businessPhone({ ring, answerAfterMs: 300, toneHz: BUSINESS_HZ });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await caller.answered();
    await heard(caller, NOTICE_HZ);
    await caller.press('5');
    const business = await there.nextCall();
    await until('the talk', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await recordingOpened(stage, await idOf(scene));
    await talkOn(caller, 500);
    await business.hangUp();
    const { recording, answeredAt } = lastCall(await scene.events());
    expect(recording).toMatchObject({ status: 'ready', reason: null });
    expect([recording.startedAt, answeredAt].toSorted()).toEqual([answeredAt, recording.startedAt]);
  });

  test.concurrent('who declines is not, whoever asks for it later', async () => {
    const scene = scenes.declines;
    const there = await scene.businessPhone();
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await caller.answered();
    await heard(caller, NOTICE_HZ);
    await caller.press('9');
    const business = await there.nextCall();
    await until('the talk', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    expect(await act(await idOf(scene), 'start')).toMatchObject({ status: 409 });
    await business.hangUp();
    expect(lastCall(await scene.events()).recording).toMatchObject({ status: 'absent', reason: 'caller_declined' });
  });

  test.concurrent.each([
    ['of which there is no file', scenes.unheard],
    ['of which one language has no file', scenes.halfHeard],
  ] as const)('an announcement %s: the call goes on, and is not recorded', async (_, scene) => {
    const there = await scene.businessPhone();
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await there.nextCall();
    await caller.answered();
    await until('the talk', () => hears(caller, BUSINESS_HZ));
    expect(await act(await idOf(scene), 'start')).toMatchObject({ status: 409 });
    await caller.hangUp();
    const events = await scene.events();
    expect(events.at(-1)?.type).toBe('recording.failed');
    expect(lastCall(events).recording).toMatchObject({ status: 'failed', reason: 'not_announced', startedAt: null });
  });

  test.concurrent('both hear a tone while they are recorded', async () => {
    const scene = scenes.beeps;
    const { caller, business } = await scene.talk();
    caller.play();
    business.play();
    await Promise.all([caller, business].map((call) => heard(call, BEEP_HZ, { times: 2 })));
    await caller.hangUp();
    expect(lastCall(await scene.events()).recording.status).toBe('ready');
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
