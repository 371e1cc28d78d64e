import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CallEvent } from '../../src/call/ports.js';
import type { IncomingCall, OutgoingCall } from '../../src/sandbox/phone/index.js';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { lend, visitor } from '../support/lender.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const KEY = 'key-of-the-desk';
const stage = await Stage.open();
const shared = stage.scene();
const ringing = stage.scene();
const pickedUp = stage.scene();
const late = stage.scene({ lent: false, recording: 'never' });

const access = {
  keys: [{ name: 'desk', hash: createHash('sha256').update(KEY).digest('hex'), scopes: ['calls:write'] }],
};

/** Each once: what a gateway was sending when it died comes again. */
const told = (scene: Scene): CallEvent[] => [
  ...new Map(
    stage.receiver.events.filter(({ data }) => scene.owns(data.call)).map((event) => [event.id, event]),
  ).values(),
];

/** A caller who hears ringing, and the phone that rings. */
async function ring(scene: Scene): Promise<[OutgoingCall, IncomingCall]> {
  const phone = await scene.businessPhone({ answerAfterMs: 'never' });
  const caller = await (await scene.callerPhone()).call(scene.dialled);
  const rung = await phone.nextCall();
  await toldUntil(scene, 'call.ringing');
  return [caller, rung];
}

async function toldUntil(scene: Scene, type: string, count = 1): Promise<CallEvent[]> {
  return await until(`${type} is told`, () => {
    const events = told(scene);
    return events.filter((event) => event.type === type).length === count && events;
  });
}

describe.skipIf(!enginesHere())('what is wanted of a call of another gateway', () => {
  let twin: Awaited<ReturnType<Stage['startTwin']>>;
  beforeAll(async () => {
    await stage.start({ gateway: 'process', config: { access } });
    twin = await stage.startTwin();
  });
  afterAll(() => stage.stop());

  const tagAtTwin = async (callId: string, name: string): Promise<unknown> => {
    const response = await fetch(`${twin.url}/v1/calls/${callId}/tags`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    return [response.status, await response.json()];
  };

  test.concurrent('its owner does it, or who takes its place', async () => {
    const { caller, business } = await shared.talk();
    const [waiting, rung] = await ring(ringing);
    const [, tooLate] = await ring(pickedUp);
    const id = (await toldUntil(shared, 'call.answered')).at(-1)?.data.call.id ?? '';
    expect(await tagAtTwin(id, 'asked-of-the-owner')).toEqual([202, { status: 'queued' }]);
    expect((await toldUntil(shared, 'call.tagged')).at(-1)?.data.call).toMatchObject({
      gateway: 'gw-test',
      endedAt: null,
    });

    // What it is sending when it dies is sent again half a minute later: another promise than this test's.
    await until('it sends nothing', async () => (await stage.client.zcard('ct:v1:{calls}:out:crm:backlog')) === 0);
    // From here on it looks at nothing any more.
    stage.program.kill('SIGSTOP');
    tooLate.pickUp();
    expect(await tagAtTwin(id, 'left-behind')).toEqual([202, { status: 'queued' }]);
    stage.program.kill('SIGKILL');
    await stage.program.exited;
    await stage.startPeer();
    const events = await toldUntil(shared, 'call.tagged', 2);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i + 1));
    expect(events.map(({ type }) => type).slice(0, 5)).toEqual([
      'call.received',
      'call.ringing',
      'call.answered',
      'call.tagged',
      'call.completed',
    ]);
    const call = lastCall(events);
    expect(call).toMatchObject({ ended: { by: 'gateway', reason: 'gateway_lost' } });
    expect(call.tags.map(({ name, by }) => [name, by])).toEqual([
      ['asked-of-the-owner', 'desk'],
      ['left-behind', 'desk'],
    ]);
    await Promise.all([caller.dispose(), business.dispose()]);
    // Whom nobody had answered yet: the caller is told, and the phone stops ringing.
    expect(await waiting.ended()).toMatchObject({ how: 'refused', status: 500 });
    expect(await rung.ended()).toMatchObject({ by: 'remote', how: 'cancel' });
    // Who took a call in the moment in which its gateway died talks to nobody.
    expect(await tooLate.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    const missed = (await toldUntil(ringing, 'call.missed')).at(-1)?.data.call;
    expect(missed).toMatchObject({ lossReason: 'gateway_lost', ended: { reason: 'gateway_lost' } });
  });

  test.concurrent('a lease that its pool wrote after the call had come puts the verdict right', async () => {
    await late.businessPhone({ media: false });
    const { host, port } = twin.engines.sip;
    const phone = await late.callerPhone();
    const call = await phone.call({ target: `sip:${late.trackingNumber}@${host}:${port}`, media: false });
    await call.answered();
    await lend(stage.client, 'ct:', late.trackingNumber, 'shop', visitor('written-late'));
    await call.hangUp();
    const events = await toldUntil(late, 'call.attribution.corrected');
    expect(events[0]?.data.call.attribution).toMatchObject({ verdict: 'none', session: null });
    expect(events.at(-1)).toMatchObject({
      sequence: events.length,
      data: {
        old: { verdict: 'none' },
        new: { verdict: 'exact', session: { id: 'written-late' } },
        reason: 'the lease was written after the call had come',
      },
    });
  });
});
