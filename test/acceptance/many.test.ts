import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { queryObjects } from 'node:v8';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CallSession } from '../../src/call/session.js';
import { enginesHere } from '../support/engines.js';
import { expectPlayed, recordingFile } from '../support/expectations.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { listen } from '../support/wav.js';

const Dialog = createRequire(import.meta.url)('drachtio-srf/lib/dialog.js') as new () => unknown;

const CALLS = 200;
const TALK_MS = 1500;

const stage = await Stage.open();
const scene = stage.scene();

/** What keeps this process busy, by kind; connections that come and go with the test's own requests left out. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Objects of calls that are still referenced from somewhere: ours, and srf's dialogs in its own maps. */
const leftovers = (): Record<string, number> => ({
  sessions: queryObjects(CallSession, { format: 'count' }),
  dialogs: queryObjects(Dialog, { format: 'count' }),
});

describe.skipIf(!enginesHere())(`${CALLS} calls`, () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test('leave no channel, no endpoint, no timer and no file behind', async () => {
    const { Timeout: timersBefore = 0, ...before } = resources();
    const load = { calls: CALLS, callsPerSecond: 10, atOnce: 60, timeoutSeconds: 400 };
    const lines = Array.from({ length: CALLS }, (_, i) => `+7916400${String(i).padStart(4, '0')}`);
    // An INVITE that a busy machine repeats reaches SIPp before it has answered the first one, which it takes for a new message.
    const extra = ['-default_behaviors', 'all,-abortunexp'];
    const business = await scene.business('business-answers', { ...load, extra, values: { RING: 100 } });
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
    // By the gateway's own measure, which begins with the bridge: on a busy machine that is a while after the answer.
    expect(ready.filter(({ recording }) => recording.reason !== null)).toEqual([]);
    expect(lengths.filter((seconds) => seconds < TALK_MS / 2000)).toEqual([]);

    // A BYE that a loaded machine lost is repeated for 32 s.
    await stage.expectNothingLeft();
    const kept = await readdir(stage.recordings, { recursive: true, withFileTypes: true });
    const files = kept.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
    const wanted = ready.flatMap((call) => {
      const sound = recordingFile(stage, call);
      return [sound, sound.replace(/wav$/, 'peaks.json'), sound.replace(/wav$/, 'json')];
    });
    expect(files.toSorted()).toEqual([join(stage.recordings, '.store-id'), ...wanted].toSorted());
    await until('no timer of a call is left', () => (resources()['Timeout'] ?? 0) <= timersBefore + 2);
    await until('no socket of a call is left', () => (resources()['UDPWrap'] ?? 0) === (before['UDPWrap'] ?? 0));
    // The last call is gone from Redis a moment before its own last line of code has run.
    await until('no object of a call is left', () => {
      expect(leftovers()).toEqual({ sessions: 0, dialogs: 0 });
      return true;
    });
  });
});
