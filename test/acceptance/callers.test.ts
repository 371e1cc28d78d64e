import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { CallEvent } from '../../src/call/ports.js';
import { CallArchive } from '../../src/history/archive.js';
import type { ErasureProof } from '../../src/http/ports.js';
import { SealedFiles } from '../../src/recordings/sealed-files.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { exampleCall } from '../redis/examples.js';
import { enginesHere } from '../support/engines.js';
import { expectLost, expectPlayed, lastCall } from '../support/expectations.js';
import { lend, visitor } from '../support/lender.js';
import { heard } from '../support/hearing.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const ANNOUNCEMENT_HZ = 850;
const KEY = 'key-of-the-desk';
const PREFIX = 'ct:';
const MINUTE = 60_000;

const stage = await Stage.open();
const scenes = {
  blocked: stage.scene(),
  listed: stage.scene(),
  allowed: stage.scene(),
  announced: stage.scene(),
  hoppedTo: stage.scene(),
  again: stage.scene({ recording: 'never' }),
  edited: stage.scene(),
  corrected: stage.scene({ recording: 'never' }),
  grace: stage.scene({ lent: false, recording: 'never' }),
  ambiguous: stage.scene({ lent: false, recording: 'never' }),
  returning: stage.scene({ recording: 'never' }),
  forgotten: stage.scene(),
};

const screening = {
  block: [scenes.blocked, scenes.allowed].map(({ callerNumber }) => callerNumber),
  allow: [`${scenes.allowed.callerNumber.slice(0, -1)}*`],
  rate: { calls: 1, within: '1h', action: 'tag' },
  hopping: { numbers: 2, within: '1h', action: 'announce' },
  announcement: `tone_stream://%(1500,0,${ANNOUNCEMENT_HZ})`,
};
const config = {
  sites: [{ id: 'shop', defaultRoute: scenes.blocked.routeId, webhooks: ['crm'], screening }],
  access: {
    keys: [
      {
        name: 'desk',
        hash: createHash('sha256').update(KEY).digest('hex'),
        scopes: ['calls:read', 'calls:write', 'recordings:write', 'screening:write', 'callers:write'],
      },
    ],
  },
};

/** A call of the scene's caller that left the history long ago. */
async function archivedCall(scene: Scene): Promise<Call> {
  const caller = { ...exampleCall().caller, number: scene.callerNumber };
  const call = exampleCall({ caller, site: 'shop', startedAt: '2025-01-01T10:00:00.000Z', disposition: 'missed' });
  const files = new SealedFiles(new DiskStore(stage.recordings), null);
  const leaving = [{ place: '1700000000000.0', id: call.id, doc: JSON.stringify(call) }];
  await new CallArchive(files).write(leaving, () => Promise.resolve(true));
  return call;
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(`${stage.gateway.url}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
}

/** Events of the scene's calls in the order of their coming. */
const told = (scene: Scene): CallEvent[] => stage.receiver.events.filter(({ data }) => scene.owns(data.call));

/** What the receiver was told, once `type` has come. */
async function toldUntil(scene: Scene, type: string, count = 1): Promise<CallEvent[]> {
  return await until(`${type} is told`, () => {
    const events = told(scene);
    return events.filter((event) => event.type === type).length === count && events;
  });
}

/** One talk of the scene's caller; `to` is another scene whose number he dials. Gives the call as its last event tells it. */
async function talkTo(scene: Scene, calls = 1) {
  const { caller } = await scene.talk();
  await caller.hangUp();
  return lastCall(await scene.events(calls));
}

/** A later call of a scene whose phones are there already. */
async function redial(caller: Awaited<ReturnType<Scene['callerPhone']>>, scene: Scene) {
  const answers = (): number => told(scene).filter(({ type }) => type === 'call.answered').length;
  const before = answers();
  const call = await caller.call({ ...scene.dialled, media: false });
  await call.answered();
  // FreeSWITCH tells the caller of the answer a moment before it tells us.
  await until('the answer is told', () => answers() > before);
  await call.hangUp();
}

/** An outsider's pool: this visitor had the number, or has it. Minutes from now. */
async function lentTo(scene: Scene, who: string, from: number, to: number) {
  const times = { leasedAt: Date.now() + from * MINUTE, expiresAt: Date.now() + to * MINUTE };
  await lend(stage.client, PREFIX, scene.trackingNumber, 'shop', visitor(who), times);
  return times;
}

/** At the call's beginning, or the second behind it. */
const secondsSince = (at: number, startedAt: string): number =>
  expect.closeTo((Date.parse(startedAt) - at) / 1000, 0) as number;

describe.skipIf(!enginesHere())('callers whom somebody knows', () => {
  beforeAll(() => stage.start({ config }));
  afterAll(() => stage.stop());

  async function expectBlocked(scene: Scene): Promise<void> {
    const caller = await scene.caller('caller-is-refused', { values: { STATUS: '603' } });
    const played = await caller.done;
    expectPlayed(played);
    // No ringing, no sound: 603 is all that he gets.
    expect(played.trace.received('INVITE')).toEqual([603]);
    const call = await expectLost(scene, {
      lossReason: 'blocked',
      disposition: 'rejected',
      legs: [],
      types: ['call.received', 'call.rejected'],
    });
    expect(call).toMatchObject({
      screening: { action: 'reject', hits: [{ rule: 'block', action: 'reject' }] },
      attribution: { verdict: 'exact', session: { id: scene.sessionId } },
      ended: { by: 'gateway', reason: 'normal' },
    });
    expect(call.tags.map(({ name }) => name)).toEqual(['suspicious']);
  }

  test.concurrent('who is blocked is refused in silence, and it is told', () => expectBlocked(scenes.blocked));

  test.concurrent('who is put on the list is blocked from the next call on', async () => {
    const { listed } = scenes;
    const path = `/screening/shop/${encodeURIComponent(listed.callerNumber)}`;
    expect((await ask('PUT', path, { list: 'block' })).status).toBe(200);
    await expectBlocked(listed);
    expect((await ask('DELETE', path)).status).toBe(204);
    await listed.businessPhone({ media: false });
    await redial(await stage.phone({ host: listed.carrierAddress, user: listed.callerNumber }), listed);
    expect(lastCall(await listed.events(2))).toMatchObject({ disposition: 'answered' });
  });

  test.concurrent('the allow list wins over the block list', async () => {
    expect(await talkTo(scenes.allowed)).toMatchObject({ disposition: 'answered', screening: null, tags: [] });
  });

  test.concurrent('who rings one number after the other hears why he is not put through, unbilled', async () => {
    const { announced, hoppedTo } = scenes;
    await announced.businessPhone({ media: false });
    const phone = await announced.callerPhone();
    await redial(phone, announced);
    const caller = await phone.call(hoppedTo.dialled);
    await heard(caller, ANNOUNCEMENT_HZ);
    expect(await caller.ended()).toMatchObject({ how: 'refused', status: 603 });
    expect(caller.isAnswered).toBe(false);
    const call = await expectLost(hoppedTo, {
      lossReason: 'blocked',
      disposition: 'rejected',
      legs: [],
      types: ['call.received', 'call.rejected'],
    });
    expect(call.screening).toEqual({
      action: 'announce',
      hits: [
        { rule: 'rate', action: 'tag', count: 2, limit: 1 },
        { rule: 'hopping', action: 'announce', count: 2, limit: 1 },
      ],
    });
  });

  test.concurrent('who calls again is put through, marked and known', async () => {
    const { again } = scenes;
    await again.businessPhone({ media: false });
    const phone = await again.callerPhone();
    await redial(phone, again);
    const first = lastCall(await again.events());
    expect(first).toMatchObject({ screening: null, caller: { firstCall: true, previousCalls: 0 }, tags: [] });
    await redial(phone, again);
    const second = lastCall(await again.events(2));
    expect(second).toMatchObject({
      disposition: 'answered',
      screening: { action: 'tag', hits: [{ rule: 'rate', count: 2, limit: 1 }] },
      caller: {
        firstCall: false,
        previousCalls: 1,
        lastCallAt: first.startedAt,
        lastDisposition: 'answered',
      },
    });
    expect(second.tags.map(({ name, by }) => [name, by])).toEqual([
      ['repeat', 'gateway'],
      ['suspicious', 'gateway'],
    ]);
  });

  test.concurrent('tags, notes and care: of a call that goes on, and of one that has ended', async () => {
    const scene = scenes.edited;
    const { caller } = await scene.talk();
    const id = (await toldUntil(scene, 'call.answered')).at(-1)?.data.call.id ?? '';
    const edit = async (method: string, path: string, body?: unknown): Promise<void> =>
      expect(await ask(method, `/calls/${id}${path}`, body)).toMatchObject({ status: 200, body: { id } });
    await edit('POST', '/tags', { name: 'sofas' });
    await edit('POST', '/notes', { text: 'wants a blue one' });
    await toldUntil(scene, 'call.tagged', 2);
    await caller.hangUp();
    await scene.events();
    await edit('POST', '/tags', { name: 'sold' });
    await edit('POST', '/tags', { name: 'sold' });
    await edit('DELETE', '/tags/sofas');
    await edit('POST', '/handled');
    const events = await toldUntil(scene, 'call.handled');
    expect(events.map(({ sequence, type }) => [sequence, type])).toEqual([
      [1, 'call.received'],
      [2, 'call.ringing'],
      [3, 'call.answered'],
      [4, 'call.tagged'],
      [5, 'call.tagged'],
      [6, 'call.completed'],
      [7, 'recording.ready'],
      [8, 'call.tagged'],
      [9, 'call.tagged'],
      [10, 'call.handled'],
    ]);
    const changes = events.map(({ data }) => (data as unknown as { change?: { kind: string } }).change?.kind);
    expect(changes.filter((kind) => kind !== undefined)).toEqual(['tag', 'note', 'tag', 'untag']);
    const call = lastCall(events);
    expect(call).toMatchObject({
      handled: { by: 'desk' },
      notes: [{ text: 'wants a blue one', by: 'desk' }],
      tags: [{ name: 'sold', by: 'desk' }],
      recording: { status: 'ready' },
    });
    expect((await ask('GET', `/calls/${id}`)).body).toEqual(call);
  });

  test.concurrent('a person says whose call it was', async () => {
    const scene = scenes.corrected;
    await lentTo(scene, 'earlier', -60, -40);
    const { id } = await talkTo(scene);
    const correct = (leaseId: string | null, reason?: string) =>
      ask<{ attribution: unknown; code: string }>('PUT', `/calls/${id}/attribution`, { leaseId, reason });
    expect(await correct('lease-of-nobody')).toMatchObject({ status: 400, body: { code: 'GW_ERR_BAD_REQUEST' } });
    const earlier = { verdict: 'exact', rule: 'operator', confidence: 1, session: { id: 'earlier' } };
    expect(await correct('lease-earlier', 'he said so')).toMatchObject({ status: 200, body: { attribution: earlier } });
    expect(await correct(null)).toMatchObject({ status: 200, body: { attribution: { verdict: 'none' } } });
    const events = await toldUntil(scene, 'call.attribution.corrected', 2);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i + 1));
    expect(events.slice(-2).map(({ data }) => data)).toMatchObject([
      { old: { rule: 'active-lease', session: { id: scene.sessionId } }, new: earlier, reason: 'he said so' },
      { old: earlier, new: { verdict: 'none', rule: 'operator', session: null } },
    ]);
  });

  test.concurrent('the last holder calls after his lease: grace', async () => {
    const { grace } = scenes;
    const lease = await lentTo(grace, 'late', -20, -2);
    const { attribution, startedAt } = await talkTo(grace);
    expect(attribution).toMatchObject({
      verdict: 'grace',
      rule: 'last-holder',
      session: { id: 'late', utm: { campaign: 'divany' } },
      leaseAgeSeconds: secondsSince(lease.leasedAt, startedAt),
      candidates: [],
    });
    expect(attribution.confidence).toBeGreaterThan(0.9);
  });

  test.concurrent('the number was lent again a moment ago: ambiguous, with both', async () => {
    const { ambiguous } = scenes;
    const former = await lentTo(ambiguous, 'former', -20, -2);
    await lentTo(ambiguous, 'present', -0.5, 10);
    const { attribution, startedAt } = await talkTo(ambiguous);
    expect(attribution).toMatchObject({
      verdict: 'ambiguous',
      rule: 're-lent-number',
      session: { id: 'present' },
      candidates: [
        { sessionId: 'present', leaseEndedSecondsAgo: null },
        { sessionId: 'former', leaseEndedSecondsAgo: secondsSince(former.expiresAt, startedAt) },
      ],
    });
    expect(attribution.confidence).toBe(attribution.candidates[0]?.weight);
  });

  test.concurrent('nobody has the number any more, but this caller was somebody: returning', async () => {
    const { returning } = scenes;
    await returning.businessPhone({ media: false });
    const phone = await returning.callerPhone();
    await redial(phone, returning);
    expect(lastCall(await returning.events()).attribution.verdict).toBe('exact');
    const { trackingNumber } = returning;
    await stage.client.del(`${PREFIX}lease:{${trackingNumber}}`, `${PREFIX}holders:{${trackingNumber}}`);
    await redial(phone, returning);
    expect(lastCall(await returning.events(2)).attribution).toMatchObject({
      verdict: 'returning',
      rule: 'earlier-call',
      session: { id: returning.sessionId },
    });
  });

  test.concurrent('who wants to be forgotten is: nothing in Redis knows his number', async () => {
    const scene = scenes.forgotten;
    const path = `/callers/${encodeURIComponent(scene.callerNumber)}`;
    const { caller } = await scene.talk();
    expect(await ask('DELETE', path)).toMatchObject({ status: 409, body: { code: 'GW_ERR_CONFLICT' } });
    await caller.hangUp();
    const { id, recording } = lastCall(await scene.events());
    expect((await ask('POST', `/calls/${id}/notes`, { text: `ring ${scene.callerNumber} back` })).status).toBe(200);
    await toldUntil(scene, 'call.tagged');
    expect((await ask('PUT', `/recordings/${id}/hold`, { reason: 'a court asked' })).status).toBe(200);
    const archived = await archivedCall(scene);
    const held = await ask<ErasureProof>('DELETE', path);
    expect(held).toMatchObject({ status: 200, body: { by: 'desk', calls: [id], held: [id], recordings: [] } });
    expect(held.body).toMatchObject({ archive: 'done', archived: [archived.id] });
    expect((await ask('GET', `/callers/erasures/${held.body.id}`)).body).toMatchObject({ archive: 'done' });
    const { body: left } = await ask<Call>('GET', `/calls/archive?day=${archived.startedAt.slice(0, 10)}`);
    expect(left).toMatchObject({ id: archived.id, disposition: 'missed', caller: { number: null } });
    // The last one may not be written down yet.
    expect(held.body.attempts + held.body.queued).toBe(6);
    await expectUnknown(scene.callerNumber);
    expect((await ask('GET', `/calls/${id}`)).body).toMatchObject({
      caller: { number: null },
      attribution: { verdict: 'exact', session: { yclid: null, utm: { campaign: 'divany' } } },
      notes: [],
      recording: { status: 'ready', file: recording.file },
    });
    expect((await ask('GET', `/calls?number=${encodeURIComponent(scene.callerNumber)}`)).body).toMatchObject({
      calls: [],
    });
    // The hold keeps the sound until it is released; then it goes by the id that the proof names.
    expect((await ask('DELETE', `/recordings/${id}`)).status).toBe(409);
    expect((await ask('DELETE', `/recordings/${id}/hold`)).status).toBeLessThan(300);
    expect((await ask('DELETE', `/recordings/${id}`)).status).toBeLessThan(300);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});

/** No key's name and no value holds it. */
async function expectUnknown(number: string): Promise<void> {
  for (const name of await stage.client.keys('*')) {
    expect(name).not.toContain(number);
    // null: it has expired, or was emptied, since it was listed.
    const dump = (await stage.client.dumpBuffer(name)) as Buffer | null;
    if (dump) expect(dump.toString('latin1'), name).not.toContain(number);
  }
}
