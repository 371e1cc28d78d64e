import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OutgoingCall } from '../../src/sandbox/phone/index.js';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { heard, hears } from '../support/hearing.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../support/wav.js';

const KEY = 'lends-and-corrects';
const WAV_HEADER_BYTES = 44;
const ASKS_HZ = 620;
const UZBEK_HZ = 760;
const AGAIN_HZ = 850;
const LOST_HZ = 990;
const tone = (ms: number, hz: number) => `tone_stream://%(${ms},0,${hz})`;

const stage = await Stage.open();
const asked = { number: 'static', more: () => ({ route: { askPromo: true } }) } as const;
const scenes = {
  plain: stage.scene(),
  keyed: stage.scene(asked),
  hash: stage.scene(asked),
  mistyped: stage.scene(asked),
  silent: stage.scene(asked),
  late: stage.scene(asked),
  leaves: stage.scene(asked),
  lost: stage.scene({ ...asked, announcement: tone(1000, LOST_HZ) }),
  told: stage.scene({ number: 'static' }),
  reloaded: stage.scene(asked),
};

const configuration = {
  access: {
    keys: [
      {
        name: 'crm',
        hash: createHash('sha256').update(KEY).digest('hex'),
        scopes: ['leases:write', 'calls:write'],
      },
    ],
  },
  sites: [
    {
      id: 'shop',
      defaultRoute: scenes.plain.routeId,
      webhooks: ['crm'],
      languages: ['ru', 'uz'],
      promo: {
        lend: 'instead',
        announcement: { ru: tone(1000, ASKS_HZ), uz: tone(1000, UZBEK_HZ) },
        retry: tone(800, AGAIN_HZ),
        timeout: '2s',
      },
    },
  ],
};

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(stage.gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Record<string, unknown>;
}

/** What this visitor is shown. */
async function codeOf(session: string): Promise<string> {
  const { outcome, promo } = await post('/v1/leases', { site: 'shop', session: { id: session } });
  expect(outcome).toBe('code');
  return (promo as { code: string }).code;
}

/** The last digit is a check digit. */
const mistype = (code: string): string => code.slice(0, -1) + String((Number(code.at(-1)) + 1) % 10);

async function askedCaller(scene: Scene, more: { lateOffer?: boolean } = {}): Promise<OutgoingCall> {
  const caller = await (await scene.callerPhone()).call({ ...scene.dialled, ...more });
  await caller.answered();
  await heard(caller, ASKS_HZ);
  return caller;
}

/** FreeSWITCH has sound of this call on the disk. What is recorded from the bridge on begins a moment behind it. */
async function recorded(scene: Scene): Promise<boolean> {
  const call = stage.receiver.events.find(({ data }) => data.call.trackingNumber === scene.trackingNumber)?.data.call;
  return call !== undefined && (await stat(join(stage.engines.spool, `${call.id}.wav`))).size > WAV_HEADER_BYTES;
}

/** The talk that follows on whatever he said. */
async function talkOf(scene: Scene, caller: OutgoingCall) {
  const there = await scene.businessPhone();
  const business = await there.nextCall();
  await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
  await until('it is recorded', () => recorded(scene));
  await business.hangUp();
  await caller.ended();
  return lastCall(await scene.events());
}

describe.skipIf(!enginesHere())('promo codes', () => {
  beforeAll(() => stage.start({ config: configuration }));
  afterAll(() => stage.stop());

  test.concurrent('a reload meanwhile that gives his line another name does not touch him', async () => {
    const scene = scenes.reloaded;
    const caller = await askedCaller(scene);
    const [target = ''] = scene.targetIds;
    const renamed = JSON.stringify(stage.configuration()).replaceAll(`"${target}"`, '"renamed"');
    await stage.gateway.reload(JSON.parse(renamed) as Record<string, unknown>);
    const call = await talkOf(scene, caller);
    expect(call).toMatchObject({ disposition: 'answered', legs: [{ target, result: 'answered' }] });
  });

  test.concurrent('the caller keys his code in and is known before the business rings', async () => {
    const scene = scenes.keyed;
    const code = await codeOf('visitor-keyed');
    const caller = await askedCaller(scene);
    await heard(caller, UZBEK_HZ);
    await caller.press(code);
    const call = await talkOf(scene, caller);
    expect(call.attribution).toMatchObject({ verdict: 'promo', rule: 'promo-code', session: { id: 'visitor-keyed' } });
    const { engagedAt, answeredAt } = call;
    expect(Date.parse(answeredAt ?? '')).toBeGreaterThan(Date.parse(engagedAt ?? ''));
    expect(call.recording).toMatchObject({ status: 'ready' });
    const events = await scene.events();
    const types = events.map(({ type }) => type);
    expect(types.indexOf('call.attribution.corrected')).toBeLessThan(types.indexOf('call.ringing'));
    expect(events.find(({ type }) => type === 'call.attribution.corrected')?.data).toMatchObject({
      old: { verdict: 'static' },
      reason: 'promo code',
    });
  });

  test.concurrent('"#" alone means that he has none', async () => {
    const caller = await askedCaller(scenes.hash);
    await caller.press('#');
    expect((await talkOf(scenes.hash, caller)).attribution.verdict).toBe('static');
  });

  test.concurrent('a mistyped code is nobody, and the call goes on', async () => {
    const code = await codeOf('visitor-mistyped');
    const caller = await askedCaller(scenes.mistyped);
    await caller.press(mistype(code));
    expect((await talkOf(scenes.mistyped, caller)).attribution.verdict).toBe('static');
  });

  test.concurrent('who says nothing is asked once more', async () => {
    const scene = scenes.silent;
    const code = await codeOf('visitor-silent');
    const caller = await askedCaller(scene);
    const again = await heard(caller, AGAIN_HZ);
    await heard(caller, ASKS_HZ, { from: again });
    await caller.press(code);
    expect((await talkOf(scene, caller)).attribution.session?.id).toBe('visitor-silent');
  });

  test.concurrent('a caller without an offer is asked as well', async () => {
    const code = await codeOf('visitor-late');
    const caller = await askedCaller(scenes.late, { lateOffer: true });
    await caller.press(code);
    expect((await talkOf(scenes.late, caller)).attribution.session?.id).toBe('visitor-late');
  });

  test.concurrent('a caller may leave while he is asked', async () => {
    const caller = await askedCaller(scenes.leaves);
    await caller.hangUp();
    expect(lastCall(await scenes.leaves.events())).toMatchObject({
      disposition: 'missed',
      lossReason: 'caller_hung_up',
      answeredAt: null,
      engagedAt: expect.any(String) as string,
      recording: { status: 'none' },
    });
  });

  test.concurrent('an answered caller whom nobody takes hears why', async () => {
    const scene = scenes.lost;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await askedCaller(scene);
    await caller.press('#');
    await heard(caller, LOST_HZ);
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(lastCall(await scene.events())).toMatchObject({
      disposition: 'missed',
      lossReason: 'busy',
      ended: { sip: 200 },
    });
  });

  test.concurrent('the operator enters the code afterwards', async () => {
    const scene = scenes.told;
    const code = await codeOf('visitor-told');
    const { caller } = await scene.talk();
    await caller.hangUp();
    const { id } = lastCall(await scene.events());
    expect(await post(`/v1/calls/${id}/promo`, { code: mistype(code) })).toMatchObject({ status: 400 });
    expect(await post(`/v1/calls/${id}/promo`, { code })).toMatchObject({
      attribution: { verdict: 'promo', session: { id: 'visitor-told' } },
    });
    await until('the correction', () =>
      stage.receiver.events.some(
        ({ type, data }) =>
          type === 'call.attribution.corrected' && data.call.id === id && data['reason'] === 'promo code',
      ),
    );
  });

  test.concurrent('who is not asked is answered by the business', async () => {
    const { caller } = await scenes.plain.talk();
    await caller.hangUp();
    const { engagedAt, answeredAt } = lastCall(await scenes.plain.events());
    expect(engagedAt).toBe(answeredAt);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
