import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { OK } from '../support/receiver.js';
import { optionsStatus } from '../support/options.js';
import { heard, hears } from '../support/hearing.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ } from '../support/wav.js';

const dying = await Stage.open();
const killedTalk = dying.scene({ to: 'destination', channels: 1 });
const afterwards = dying.scene();

describe.skipIf(!enginesHere())('a gateway is killed in a talk', () => {
  beforeAll(() => dying.start({ gateway: 'process' }));
  afterAll(() => dying.stop());

  test('a peer hangs up both sides, settles the recording and tells the end', async () => {
    const { caller, business } = await killedTalk.talk();
    await dying.receiver.next(({ type }) => type === 'call.answered');
    // What it is sending when it dies is sent again half a minute later: another promise than this test's.
    await until('it sends nothing', async () => (await dying.client.zcard('ct:v1:{calls}:out:crm:backlog')) === 0);
    dying.program.kill('SIGKILL');
    await dying.program.exited;
    await dying.startPeer();
    const ends = await Promise.all([caller.ended(), business.ended()]);
    expect(ends).toMatchObject([
      { by: 'remote', how: 'bye' },
      { by: 'remote', how: 'bye' },
    ]);
    const events = await killedTalk.events();
    expect(events.map((event) => [event.sequence, event.type])).toEqual([
      [1, 'call.received'],
      [2, 'call.ringing'],
      [3, 'call.answered'],
      [4, 'call.completed'],
      [5, 'recording.ready'],
    ]);
    expect(lastCall(events)).toMatchObject({
      disposition: 'answered',
      ended: { by: 'gateway', reason: 'gateway_lost' },
      recording: { status: 'ready' },
    });
    const next = await afterwards.talk();
    await next.caller.hangUp();
    await afterwards.events();
    await dying.expectNothingLeft();
  });
});

const draining = await Stage.open();
const lastTalk = draining.scene();
const refusals = draining.scene();

describe.skipIf(!enginesHere())('a gateway that takes no more calls', () => {
  beforeAll(() => draining.start({ gateway: 'process', limits: { maxCalls: 1 }, config: { log: { level: 'info' } } }));
  afterAll(() => draining.stop());

  test('at its limit, then draining: the talk goes on, others are sent elsewhere', async () => {
    expect(await optionsStatus(draining)).toBe('200');
    const { caller, business } = await lastTalk.talk();
    const phone = await refusals.callerPhone();
    const refused = async (): Promise<void> => {
      const { status, message } = await (await phone.call(refusals.dialled)).ended();
      expect(status).toBe(503);
      expect(message?.headers.get('Retry-After')).toMatch(/^\d+$/);
    };
    await refused();
    expect(await (await fetch(`${draining.gateway.url}/metrics`)).text()).toMatch(/reason="overload"[^\n]*\} 1$/m);

    // Twice, as where npm passes on what a supervisor has told the whole group: it is one word, and hangs up on nobody.
    draining.program.kill('SIGTERM');
    draining.program.kill('SIGTERM');
    await until('it drains', async () => (await fetch(`${draining.gateway.url}/readyz`)).status === 503);
    expect(await optionsStatus(draining)).toBe('503');
    await refused();
    await until('the talk goes on', () => hears(caller, BUSINESS_HZ));
    let answerLast = (): void => undefined;
    const answered = new Promise<typeof OK>((resolve) => (answerLast = () => resolve(OK)));
    draining.receiver.behave = ({ body: { type } }) =>
      type === 'recording.ready' ? { kind: 'later', when: answered } : OK;
    await caller.hangUp();
    expect(await business.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    await draining.receiver.next(({ type }) => type === 'recording.ready');
    // It stops by now and waits for the receiver. Told once more to stop it goes on with that, and does not overtake itself.
    draining.program.kill('SIGINT');
    await until('it has heard', () => draining.program.output.includes('SIGINT'));
    answerLast();
    expect(await draining.program.exited).toBe(0);
    expect(await draining.client.zcard('ct:v1:{calls}:out:crm:backlog')).toBe(0);
    expect(lastCall(await lastTalk.events())).toMatchObject({
      ended: { by: 'caller', reason: 'normal' },
      recording: { status: 'ready' },
    });
    expect((await stat(draining.recordings)).mode & 0o007, 'the way to recordings is open to others').toBe(0);
    await draining.expectNothingLeft();
  });
});

const LOST_HZ = 620;
const ASKS_HZ = 760;
const LONG = `tone_stream://%(20000,0,${LOST_HZ})`;
const stopping = await Stage.open();
const toldWhy = {
  'before he was answered': stopping.scene({ announcement: LONG }),
  'who was answered to be asked something': stopping.scene({
    announcement: LONG,
    more: () => ({ route: { askPromo: true } }),
  }),
};

describe.skipIf(!enginesHere())('a gateway that stops at once', () => {
  const promo = { announcement: `tone_stream://%(1000,0,${ASKS_HZ})` };
  const sites = [{ id: 'shop', defaultRoute: Object.values(toldWhy)[0]?.routeId, webhooks: ['crm'], promo }];
  beforeAll(() => stopping.start({ gateway: 'process', config: { sites } }));
  afterAll(() => stopping.stop());

  test('hangs up on who still hears why nobody took him', async () => {
    const callers = await Promise.all(
      Object.values(toldWhy).map(async (scene) => {
        await scene.businessPhone({ ring: false, refuse: { status: 486 } });
        return await (await scene.callerPhone()).call(scene.dialled);
      }),
    );
    const [waiting = expect.fail(), asked = expect.fail()] = callers;
    await asked.answered();
    await heard(asked, ASKS_HZ);
    await asked.press('#');
    await Promise.all([heard(asked, LOST_HZ), heard(waiting, LOST_HZ)]);
    stopping.program.kill('SIGINT');
    expect(await waiting.ended()).toMatchObject({ how: 'refused', status: 486 });
    expect(await asked.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(await stopping.program.exited).toBe(0);
  });
});
