import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const stage = await Stage.open();
const scenes = { low: stage.scene(), room: stage.scene() };

/** The gateway's word that it will have so much left on its disk. */
const leave = (minFree: string): Promise<void> =>
  stage.gateway.reload({
    ...stage.configuration(),
    recordings: { directory: stage.recordings, spool: stage.engines.spool, minFree },
  });

const readiness = async () =>
  (await (await fetch(`${stage.gateway.url}/readyz`)).json()) as {
    ready: boolean;
    checks: { recordings: { ok: boolean; detail?: string } };
  };

async function metric(name: string): Promise<number> {
  const page = await (await fetch(`${stage.gateway.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1]);
}

const told = (type: string) =>
  until(`${type} is told`, () => stage.receiver.received.find(({ body }) => body.type === type));

describe.skipIf(!enginesHere())('a disk without room', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test('costs the recording, not the call, and everybody is told; with room calls are recorded again', async () => {
    const free = await metric('calltrack_recordings_free_bytes');
    expect(free).toBeGreaterThan(0);
    expect(await metric('calltrack_recordings_disk_low')).toBe(0);
    expect(await readiness()).toMatchObject({ ready: true, checks: { recordings: { ok: true } } });

    // More than any disk has: the next look (each 10 s) finds it low.
    await leave('999999GB');
    const low = await until('the disk is low', async () => (await metric('calltrack_recordings_disk_low')) === 1);
    expect(low).toBe(true);
    const detail = 'disk low: new calls are not recorded';
    expect(await readiness()).toEqual({
      ready: true,
      checks: expect.objectContaining({ recordings: { ok: true, detail } }) as unknown,
    });
    const event = (await told('storage.low')).body.data;
    expect(event).toMatchObject({ gateway: 'gw-test', minFreeBytes: 999_999e9 });
    expect(event['freeBytes']).toBeGreaterThan(0);

    const { caller } = await scenes.low.talk();
    await caller.hangUp();
    const events = await scenes.low.events();
    expect(events.map(({ type }) => type)).toEqual([
      'call.received',
      'call.ringing',
      'call.answered',
      'call.completed',
      'recording.absent',
    ]);
    const call = lastCall(events);
    expect(call).toMatchObject({ disposition: 'answered', recording: { status: 'absent', reason: 'disk_low' } });
    expect(call.durations.talkSeconds).toBeGreaterThan(0);

    await leave('1MB');
    await until('there is room', async () => (await metric('calltrack_recordings_disk_low')) === 0);
    expect((await told('storage.recovered')).body.data).toMatchObject({ gateway: 'gw-test', minFreeBytes: 1e6 });
    expect((await readiness()).checks.recordings).toEqual({ ok: true });
    await (await scenes.room.talk()).caller.hangUp();
    expect(lastCall(await scenes.room.events()).recording).toMatchObject({ status: 'ready', reason: null });
    await stage.expectNothingLeft();
  });
});
