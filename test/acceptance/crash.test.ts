import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineKind, enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { heard } from '../support/hearing.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const ANNOUNCEMENT_HZ = 620;

const stage = await Stage.open();
const scenes = {
  freeswitch: stage.scene(),
  announced: stage.scene({ announcement: `tone_stream://%(60000,0,${ANNOUNCEMENT_HZ})` }),
  afterFreeswitch: stage.scene(),
  drachtio: stage.scene(),
  afterDrachtio: stage.scene(),
};

const ready = async (): Promise<boolean> => (await fetch(`${stage.gateway.url}/readyz`)).ok;

// The stand-ins share one process: who kills one kills both.
describe.skipIf(!enginesHere() || engineKind() === 'sandbox')('an engine dies in a talk', () => {
  beforeAll(() => stage.start({ mediaTimeoutMs: 3000 }));
  afterAll(() => stage.stop());

  test('FreeSWITCH: both sides are hung up on, everything is told, new calls work', async () => {
    const { caller, business } = await scenes.freeswitch.talk();
    const { restart } = (await stage.engines.crash?.('freeswitch')) ?? {};
    await restart?.();
    await Promise.all([caller.ended(), business.ended()]);
    expect(lastCall(await scenes.freeswitch.events())).toMatchObject({
      disposition: 'answered',
      ended: { by: 'gateway', reason: 'media_failure' },
    });
    await until('the gateway is ready', ready);
    const next = await scenes.afterFreeswitch.talk();
    await next.caller.hangUp();
    expect(lastCall(await scenes.afterFreeswitch.events())).toMatchObject({ recording: { status: 'ready' } });
  });

  test('FreeSWITCH: who hears an announcement is refused at once, and not left in silence', async () => {
    const scene = scenes.announced;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await heard(caller, ANNOUNCEMENT_HZ);
    const { restart } = (await stage.engines.crash?.('freeswitch')) ?? {};
    // Not as late as the longest announcement may end.
    expect(await caller.ended(30_000)).toMatchObject({ how: 'refused', status: 486 });
    await restart?.();
    await until('the gateway is ready', ready);
  });

  test('drachtio: the talk ends with its sound, everything is told, new calls work', async () => {
    const { caller, business } = await scenes.drachtio.talk();
    const { restart } = (await stage.engines.crash?.('drachtio')) ?? {};
    await restart?.();
    await until('the gateway is ready', ready);
    await Promise.all([caller.dispose(), business.dispose()]);
    expect(lastCall(await scenes.drachtio.events())).toMatchObject({
      disposition: 'answered',
      recording: { status: 'ready' },
    });
    const next = await scenes.afterDrachtio.talk();
    await next.caller.hangUp();
    expect(lastCall(await scenes.afterDrachtio.events())).toMatchObject({ recording: { status: 'ready' } });
  });

  test('nothing is left', () => stage.expectNothingLeft());
});
