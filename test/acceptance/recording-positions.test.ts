import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { PhoneCall } from '../../src/sandbox/phone/index.js';
import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import { readWav } from '../../src/sandbox/rtp/wav-reader.js';
import { enginesHere } from '../support/engines.js';
import { lastCall, recordingFile } from '../support/expectations.js';
import { answeredId, CONTROLS_ACCESS, RecordingControls, talkOn } from '../support/recording-controls.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { CALLER_HZ, longestSilence } from '../support/wav.js';

/** Between gateway and FreeSWITCH everything takes so long, as where either gets no processor; by our clock alone each position were off by that. */
const LATE_MS = 1000;
/** Of the clock's positions: how unevenly a busy machine's sound may come, and far less than what is late. */
const CLOCK_SECONDS = 0.4;
/** What is silent in the file is told to three packets. */
const SILENCE_SECONDS = 0.06;
const LATER_HZ = 1990;
const WINDOW_SAMPLES = 160;

const stage = await Stage.open();
const scenes = { masked: stage.scene(), paused: stage.scene() };
const controls = new RecordingControls(stage);

/** What is said to FreeSWITCH and by it waits while they talk on. */
async function late<T>(caller: PhoneCall, action: () => Promise<T>): Promise<T> {
  const { freeswitch } = stage.wires;
  freeswitch.hold();
  const acting = action();
  await talkOn(caller, LATE_MS);
  freeswitch.release();
  return await acting;
}

/** A talk of whose beginning the gateway hears late. */
async function talkHeardLate(scene: Scene): Promise<{ caller: PhoneCall; id: string }> {
  stage.wires.freeswitch.hold();
  const { caller } = await scene.talk();
  await talkOn(caller, LATE_MS);
  stage.wires.freeswitch.release();
  return { caller, id: await answeredId(stage, scene) };
}

async function actLate(caller: PhoneCall, id: string, action: string): Promise<Call['recording']> {
  const { status, body } = await late(caller, () => controls.act(id, action));
  expect(status, JSON.stringify(body)).toBe(200);
  return body as unknown as Call['recording'];
}

async function ended(scene: Scene, caller: PhoneCall): Promise<Call> {
  await caller.hangUp();
  const call = lastCall(await scene.events());
  expect(call.recording).toMatchObject({ status: 'ready', reason: null });
  return call;
}

/** The end of the last packet in which the caller's tone is heard. */
async function lastHeard(file: string, hz: number): Promise<number> {
  const [left = new Int16Array(0)] = (await readWav(file)).channels;
  let last = 0;
  for (let at = 0; at + WINDOW_SAMPLES <= left.length; at += WINDOW_SAMPLES)
    if (dominantTone(left.subarray(at, at + WINDOW_SAMPLES), [hz, LATER_HZ]) === hz) last = at + WINDOW_SAMPLES;
  return last / 8000;
}

const expectNear = (told: number | null | undefined, found: number, most: number): void =>
  expect(Math.abs((told ?? Number.NaN) - found), `told ${told ?? 'nothing'}, found ${found}`).toBeLessThan(most);

describe.skipIf(!enginesHere())('where in the file', () => {
  beforeAll(() => stage.start({ config: { access: CONTROLS_ACCESS } }));
  afterAll(() => stage.stop());

  test('a mask is, is told as it is in the file, however late the gateway hears and is heard', async () => {
    const { caller, id } = await talkHeardLate(scenes.masked);
    await controls.acts(id, 'mask');
    await talkOn(caller, 500);
    await actLate(caller, id, 'unmask');
    await talkOn(caller, 500);
    await actLate(caller, id, 'mask');
    await talkOn(caller, 2500);
    const whileItGoesOn = await actLate(caller, id, 'unmask');
    await talkOn(caller, 500);
    const call = await ended(scenes.masked, caller);
    // The second is the longer one.
    const [from, to] = await longestSilence(recordingFile(stage, call));
    expect(to - from).toBeGreaterThan(2);
    expectNear(whileItGoesOn.masked[1]?.fromSeconds, from, CLOCK_SECONDS);
    expectNear(whileItGoesOn.masked[1]?.toSeconds, to, CLOCK_SECONDS);
    expectNear(call.recording.masked[1]?.fromSeconds, from, SILENCE_SECONDS);
    expectNear(call.recording.masked[1]?.toSeconds, to, SILENCE_SECONDS);
  });

  test('a pause is, is told as it is in the file, however late the gateway hears and is heard', async () => {
    const { caller, id } = await talkHeardLate(scenes.paused);
    await talkOn(caller, 500);
    await actLate(caller, id, 'pause');
    caller.play(LATER_HZ);
    await talkOn(caller, 500);
    await actLate(caller, id, 'resume');
    await talkOn(caller, 500);
    const call = await ended(scenes.paused, caller);
    const cut = await lastHeard(recordingFile(stage, call), CALLER_HZ);
    expectNear(call.recording.paused[0]?.atSeconds, cut, CLOCK_SECONDS);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
