import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { expectPlayed, recordingFile } from '../support/expectations.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { listen } from '../support/wav.js';

const CALLS = 200;
const TALK_MS = 1500;

const stage = await Stage.open();
const scene = stage.scene();

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe.skipIf(!enginesHere())(`${CALLS} calls`, () => {
  beforeAll(() => stage.start(), 60_000);
  afterAll(() => stage.stop(), 60_000);

  test('leave no channel, no endpoint, no timer and no file behind', { timeout: 120_000 }, async () => {
    const timersBefore = timers();
    const load = { calls: CALLS, callsPerSecond: 10, atOnce: 60, timeoutSeconds: 100 };
    const lines = Array.from({ length: CALLS }, (_, i) => `+7916400${String(i).padStart(4, '0')}`);
    const business = await scene.business('business-answers', { ...load, values: { RING: 100 } });
    const caller = await scene.caller('caller-hangs-up', {
      ...load,
      lines,
      values: { CALLER: '[field0]', TALK: TALK_MS },
    });
    expectPlayed(...(await Promise.all([caller.done, business.done])));

    const events = await scene.events(CALLS);
    const ready = events.filter((event) => event.type === 'recording.ready').map((event) => event.data.call);
    expect(ready).toHaveLength(CALLS);
    expect(new Set(ready.map((call) => call.caller.number)).size).toBe(CALLS);
    const lengths = await Promise.all(ready.map(async (call) => (await listen(recordingFile(stage, call))).seconds));
    expect(lengths.filter((seconds) => seconds < TALK_MS / 1000 - 0.1)).toEqual([]);

    await stage.expectNothingLeft();
    expect(await readdir(stage.recordings, { recursive: true })).toEqual(
      expect.arrayContaining(ready.map(() => expect.stringMatching(/\.wav$/) as string)),
    );
    await until('no timer of a call is left', () => timers() <= timersBefore + 2);
  });
});
