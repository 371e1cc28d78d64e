import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { AnswerScript, OutgoingCall, Phone } from '../../src/sandbox/phone/index.js';
import { enginesHere } from '../support/engines.js';
import { expectLost, lastCall } from '../support/expectations.js';
import type { Scene, SceneOptions } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const KEY = 'only-for-this-test';
const ANSWERS: AnswerScript = { media: false };
const BUSY: AnswerScript = { media: false, ring: false, refuse: { status: 486 } };
const TONE = 'tone_stream://%(500,0,440)';
// A phone that is there shall not be taken for dead because the machine is busy.
const health = { options: '400ms', down: 4, up: 1 };

const stage = await Stage.open();
/** The lines of its first step are watched. */
const watched = (options: SceneOptions = {}): Scene =>
  stage.scene({
    recording: 'never',
    ...options,
    more: (dial) => ({ ...options.more?.(dial), line: { health } }),
  });
const scenes = {
  goesAndComes: watched({ next: 'unreachable' }),
  refuses: watched(),
  alone: watched(),
  several: watched({ targets: 3 }),
  nobodyElse: watched({ next: 'unreachable', announcement: TONE }),
  full: watched({ channels: 1, next: 'overflow' }),
  reloaded: stage.scene({ recording: 'never' }),
};
const access = {
  keys: [{ name: 'ops', hash: createHash('sha256').update(KEY).digest('hex'), scopes: ['trunks:read'] }],
};

interface Shown {
  health: { state: string; lastStatus: number | null } | null;
}

async function shown(line: string): Promise<Shown> {
  const response = await fetch(`${stage.gateway.url}/v1/lines/${line}`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Shown;
}

const isSeen = async (line: string, state: string): Promise<boolean> => (await shown(line)).health?.state === state;

/** What the webhook was told of a line, in order. */
const told = (line: string): string[] =>
  stage.receiver.received.flatMap(({ body, verified }) => {
    const data = (body as { data?: { line?: string; reason?: string } }).data;
    return verified && data?.line === line ? [`${body.type} ${data.reason ?? ''}`] : [];
  });

/** Takes calls, and leaves OPTIONS without an answer. */
async function silentPhone(scene: Scene, phone = 0, answers = ANSWERS): Promise<Phone> {
  const silent = await scene.businessPhone(answers, phone);
  silent.stack.on('request', () => undefined);
  return silent;
}

/** A call that somebody has taken. */
async function taken(scene: Scene, from?: Phone): Promise<OutgoingCall> {
  const caller = await (from ?? (await scene.callerPhone())).call({ ...scene.dialled, media: false });
  await caller.answered();
  return caller;
}

/** A call that somebody takes and the caller ends; as last told. */
async function served(scene: Scene, from?: Phone, calls = 1): Promise<Call> {
  await (await taken(scene, from)).hangUp();
  return lastCall(await scene.events(calls));
}

const legs = (call: Call) => call.legs.map(({ target, result, obstacle, sip }) => [target, result, obstacle, sip]);

describe.skipIf(!enginesHere())('lines that are watched', () => {
  beforeAll(() => stage.start({ config: { access } }));
  afterAll(() => stage.stop());

  test('a PBX that stops is passed over at once, told, and rung again when it is back', async () => {
    const scene = scenes.goesAndComes;
    const [pbx = '', mobile = ''] = scene.targetIds;
    const first = await scene.businessPhone(ANSWERS, 0);
    await scene.businessPhone(ANSWERS, 1);
    await until('it answers', () => isSeen(pbx, 'up'));
    await first.close();
    await until('it is told down', () => told(pbx).at(-1) === 'line.down options');
    expect(await shown(pbx)).toMatchObject({ health: { state: 'down', lastStatus: null } });
    const metrics = await (await fetch(`${stage.gateway.url}/metrics`)).text();
    expect(metrics).toContain(`calltrack_line_up{line="${pbx}"} 0`);
    expect(metrics).not.toContain(`calltrack_line_up{line="${mobile}"}`);
    const caller = await scene.callerPhone();
    const passed = await served(scene, caller);
    expect(legs(passed)).toEqual([
      [pbx, 'unreachable', 'down', null],
      [mobile, 'answered', null, 200],
    ]);

    await scene.businessPhone(ANSWERS, 0);
    await until('it is told up', () => told(pbx).at(-1) === 'line.up options');
    expect(legs(await served(scene, caller, 2))).toEqual([[pbx, 'answered', null, 200]]);
    expect(told(pbx)).toEqual(told(pbx).map((_, i) => ['line.down options', 'line.up options'][i % 2]));
  });

  test('one that knows no OPTIONS is alive', async () => {
    const scene = scenes.refuses;
    const [pbx = ''] = scene.targetIds;
    const phone = await scene.businessPhone(ANSWERS);
    phone.stack.on('request', (transaction) => transaction.respond(405));
    await until('it is up', () => isSeen(pbx, 'up'));
    expect((await shown(pbx)).health?.lastStatus).toBe(405);
    expect(legs(await served(scene))).toEqual([[pbx, 'answered', null, 200]]);
  });

  test('where there is nothing else it is rung after all: a call that could be taken is not lost', async () => {
    const scene = scenes.alone;
    const [pbx = ''] = scene.targetIds;
    await silentPhone(scene);
    await until('it is down', () => isSeen(pbx, 'down'));
    expect(legs(await served(scene))).toEqual([
      [pbx, 'unreachable', 'down', null],
      [pbx, 'answered', null, 200],
    ]);
  });

  test('several of them all at once, behind who was there and did not take it', async () => {
    const scene = scenes.several;
    const [dead = '', busy = '', silent = ''] = scene.targetIds;
    await scene.businessPhone(BUSY, 1);
    const third = await silentPhone(scene, 2);
    await until('two are down', async () => (await isSeen(dead, 'down')) && (await isSeen(silent, 'down')));
    await until('one is up', () => isSeen(busy, 'up'));
    const call = await served(scene);
    expect(legs(call).slice(0, 3)).toEqual([
      [dead, 'unreachable', 'down', null],
      [busy, 'busy', null, 486],
      [silent, 'unreachable', 'down', null],
    ]);
    expect(new Map(call.legs.slice(3).map(({ target, step, result }) => [target, [step, result]]))).toEqual(
      new Map([
        [dead, [1, expect.stringMatching(/^(unreachable|cancelled)$/)]],
        [silent, [1, 'answered']],
      ]),
    );
    expect(third.calls).toHaveLength(1);
  });

  test('in vain: the caller hears why, and what was tried is told', async () => {
    const scene = scenes.nobodyElse;
    const [pbx = '', mobile = ''] = scene.targetIds;
    await scene.businessPhone(BUSY, 1);
    await until('it is down', () => isSeen(pbx, 'down'));
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await caller.ringing()).toMatchObject({ status: 183 });
    expect(await caller.ended()).toMatchObject({ status: 486 });
    const call = await expectLost(scene, { lossReason: 'busy' });
    expect(legs(call)).toEqual([
      [pbx, 'unreachable', 'down', null],
      [mobile, 'busy', null, 486],
      [pbx, 'unreachable', null, null],
    ]);
  });

  test('it holds no channel while it is passed over; where it is full the call overflows all the same', async () => {
    const scene = scenes.full;
    const [pbx = '', next = ''] = scene.targetIds;
    await silentPhone(scene);
    await scene.businessPhone(ANSWERS, 1);
    await until('it is down', () => isSeen(pbx, 'down'));
    const from = await scene.callerPhone();
    const first = await taken(scene, from);
    await (await taken(scene, from)).hangUp();
    await first.hangUp();
    const ended = (await scene.events(2)).flatMap(({ type, data }) => (type === 'call.completed' ? [data.call] : []));
    const use = (call: Call) => call.legs.map(({ target, result, channelsInUse }) => [target, result, channelsInUse]);
    expect(ended.map(use)).toEqual([
      [
        [pbx, 'unreachable', 0],
        [pbx, 'answered', 1],
      ],
      [
        [pbx, 'no_channel', 1],
        [next, 'answered', 1],
      ],
    ]);
    expect(ended.map(({ overflow }) => overflow?.from ?? null)).toEqual([null, pbx]);
  });

  test('a reload begins to ask a line, and ends it', async () => {
    const [pbx = ''] = scenes.reloaded.targetIds;
    expect((await shown(pbx)).health).toBeNull();
    const lines = (stage.configuration()['lines'] as { id: string }[]).map((line) =>
      line.id === pbx ? { ...line, health } : line,
    );
    await stage.gateway.reload({ ...stage.configuration(), lines });
    await until('it is told down', () => told(pbx).at(-1) === 'line.down options');
    await stage.gateway.reload(stage.configuration());
    expect((await shown(pbx)).health).toBeNull();
    await until('that is taken back', () => told(pbx).at(-1) === 'line.up options');
    const metrics = await (await fetch(`${stage.gateway.url}/metrics`)).text();
    expect(metrics).not.toContain(`calltrack_line_up{line="${pbx}"}`);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
