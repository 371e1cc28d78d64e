import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IncomingCall, OutgoingCall } from '../../src/sandbox/phone/index.js';
import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import { readWav } from '../../src/sandbox/rtp/wav-reader.js';
import { enginesHere } from '../support/engines.js';
import { recordingFile } from '../support/expectations.js';
import { heard, hears } from '../support/hearing.js';
import type { Scene, SceneOptions } from '../support/scene.js';
import { plainSdp } from '../support/raw-sip.js';
import { Stage } from '../support/stage.js';
import { selfSigned } from '../support/tls.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../support/wav.js';

const stage = await Stage.open();

/** Lines that are rung over TLS, by SRTP or not, in the order of the steps. */
const secured = (first: boolean, next?: boolean): SceneOptions['more'] => {
  const srtp = (on: boolean) => ({ srtp: on ? 'required' : 'off' });
  return () => ({ line: srtp(first), ...(next === undefined ? {} : { nextLine: srtp(next) }) });
};
const tls = { transport: 'tls' } as const;
const ACCOUNT = { username: 'secured', password: 'only-for-this-test' };
const scenes = {
  both: stage.scene({ ...tls, srtp: ['caller', 'business'], more: secured(true) }),
  callerAlone: stage.scene({ ...tls, srtp: ['caller'], more: secured(false) }),
  businessAlone: stage.scene({ ...tls, srtp: ['business'], more: secured(true) }),
  destination: stage.scene({ ...tls, srtp: ['business'], to: 'destination' }),
  plainBehind: stage.scene({ ...tls, srtp: ['caller'], next: 'busy', more: secured(true, false) }),
  securedBehind: stage.scene({ ...tls, srtp: ['caller', 'business'], next: 'busy', more: secured(false, true) }),
  answeredPlain: stage.scene({ ...tls, srtp: ['caller'], next: 'always', more: secured(true, false) }),
  held: stage.scene({ ...tls, srtp: ['caller', 'business'], more: secured(true) }),
  rekeyed: stage.scene({ ...tls, srtp: ['business'], more: secured(true) }),
  askedBack: stage.scene({ ...tls, srtp: ['business'], more: secured(true) }),
  moved: stage.scene({ ...tls, srtp: ['business'], next: 'busy', more: secured(true, false) }),
  early: stage.scene({ ...tls, srtp: ['caller', 'business'], more: secured(true) }),
  announced: stage.scene({ ...tls, srtp: ['caller'], announcement: 'tone_stream://%(5000,0,440)' }),
  registered: stage.scene({
    ...tls,
    srtp: ['business'],
    more: () => ({ line: { srtp: 'required', register: ACCOUNT } }),
  }),
  refused: stage.scene({ ...tls, more: secured(false) }),
};
const optional = { secure: stage.scene({ ...tls, srtp: ['caller'] }), plain: stage.scene(tls) };
const off = { secure: stage.scene({ ...tls, srtp: ['caller'] }), plain: stage.scene(tls) };

const from = (cast: Record<string, Scene>) => Object.values(cast).map(({ carrierAddress }) => carrierAddress);
const { businessAlone, destination: pstn, registered, rekeyed, askedBack, moved } = scenes;
const plainCallers = { businessAlone, pstn, registered, rekeyed, askedBack, moved, ...off };
const required = Object.values(scenes).filter((scene) => !from(plainCallers).includes(scene.carrierAddress));
const [destination] = scenes.destination.configuration().trunks;
const trunks = [
  {
    id: 'required',
    inbound: { from: from(Object.fromEntries(required.entries())), transport: 'tls', srtp: 'required' },
  },
  { id: 'optional', inbound: { from: from(optional), transport: 'tls', srtp: 'optional' } },
  { id: 'off', inbound: { from: from(plainCallers) } },
  { ...destination, outbound: { ...(destination?.['outbound'] as object), srtp: 'required' } },
];

const keysIn = (sdp: string): string[] => [...sdp.matchAll(/inline:([\w+/]{40})/g)].map(([, key = '']) => key);
const profile = (sdp: string): string[] => sdp.match(/RTP\/S?AVP/g) ?? [];

/** Ends a talk that both have heard, and looks at what was recorded of it: by the wrong key nobody is heard, or noise. */
async function finish(scene: Scene, { caller, business }: { caller: OutgoingCall; business: IncomingCall }) {
  await until('a talk long enough to listen to', () => caller.media.heardSamples > 16_000);
  await caller.hangUp();
  await business.ended();
  const call = await scene.call();
  expect(call).toMatchObject({ ended: { by: 'caller', reason: 'normal' }, recording: { status: 'ready' } });
  const { channels } = await readWav(recordingFile(stage, call));
  const tones = channels.map((samples) => {
    const windows = Array.from({ length: Math.floor(samples.length / 800) }, (_, i) =>
      dominantTone(samples.subarray(i * 800, i * 800 + 800), [CALLER_HZ, BUSINESS_HZ]),
    );
    return windows.filter((tone) => tone !== undefined);
  });
  // Somewhere, and no other tone: what a busy machine sends has gaps.
  expect(tones.map((heardTones) => [...new Set(heardTones)])).toEqual([[CALLER_HZ], [BUSINESS_HZ]]);
  for (const heardTones of tones) expect(heardTones.length).toBeGreaterThan(3);
}

describe.skipIf(!enginesHere())('sound by SRTP', () => {
  beforeAll(() => stage.start({ config: { trunks } }));
  afterAll(() => stage.stop());

  test.each([
    ['on both sides', scenes.both, 'RTP/SAVP', 'RTP/SAVP'],
    ["on the caller's alone", scenes.callerAlone, 'RTP/SAVP', 'RTP/AVP'],
    ["on the business's alone, a line", scenes.businessAlone, 'RTP/AVP', 'RTP/SAVP'],
    ["on the business's alone, a destination", scenes.destination, 'RTP/AVP', 'RTP/SAVP'],
  ])('%s: they hear each other, and both are recorded', async (_what, scene, callers, business) => {
    const talk = await scene.talk();
    expect([profile(talk.caller.remoteSdp), profile(talk.business.remoteSdp)]).toEqual([[callers], [business]]);
    await finish(scene, talk);
  });

  test('each side has keys of its own, and nobody else is told them', async () => {
    const scene = scenes.held;
    const { caller, business } = await scene.talk();
    const keys = [caller, business].flatMap(({ localSdp, remoteSdp }) => [...keysIn(localSdp), ...keysIn(remoteSdp)]);
    expect(new Set(keys).size).toBe(4);
    for (const side of [caller, business]) {
      await side.hold();
      await side.resume();
    }
    // Neither side was given a new one: by FreeSWITCH's own it is not always heard.
    expect(
      [caller, business].flatMap(({ remoteSdp }) => keysIn(remoteSdp)).filter((key) => keys.includes(key)),
    ).toHaveLength(2);
    const before = caller.media.heardSamples;
    await heard(caller, BUSINESS_HZ, { from: before });
    await heard(business, CALLER_HZ, { from: business.media.heardSamples });
    // Whoever can change SIP could otherwise have it all in the clear.
    const refused = await caller.reInvite(caller.localSdp.replace('RTP/SAVP', 'RTP/AVP').replace(/a=crypto.*\r\n/, ''));
    expect(refused.status).toBe(488);
    expect(hears(caller, BUSINESS_HZ)).toBe(true);
    await finish(scene, { caller, business });
    const told = JSON.stringify(stage.receiver.received.map(({ body }) => body));
    for (const key of keys) expect(told).not.toContain(key);
  });

  test('a phone that brings another key each time is told by which one it hears, under its own tag', async () => {
    const scene = scenes.rekeyed;
    const { caller, business } = await scene.talk();
    const told = new Set(keysIn(business.remoteSdp));
    for (const tag of [7, 1, 7]) {
      const line = `a=crypto:${tag} AES_CM_128_HMAC_SHA1_80 inline:${randomBytes(30).toString('base64')}`;
      const { status, body } = await business.reInvite(business.localSdp.replace(/^a=crypto:.*$/m, line));
      expect([status, /^a=crypto:(\d+)/m.exec(body)?.[1]]).toEqual([200, String(tag)]);
      for (const key of keysIn(body)) told.add(key);
      await heard(business, CALLER_HZ, { from: business.media.heardSamples });
    }
    expect(told.size).toBe(4);
    await caller.hangUp();
    await scene.events();
  });

  test('a phone that asks for our offer when it takes up the talk, and answers with another key', async () => {
    const scene = scenes.askedBack;
    const { caller, business } = await scene.talk();
    await business.hold();
    business.renewKey();
    await business.resume('asked');
    await heard(business, CALLER_HZ, { from: business.media.heardSamples });
    await heard(caller, BUSINESS_HZ, { from: caller.media.heardSamples });
    await caller.hangUp();
    await scene.events();
  });

  test('a business that answers by another key than it rang by', async () => {
    const scene = scenes.moved;
    const there = await scene.businessPhone({
      ring: { status: 183, earlyToneHz: BUSINESS_HZ },
      answerAfterMs: 'never',
      toneHz: BUSINESS_HZ,
    });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    const business = await there.nextCall();
    await heard(caller, BUSINESS_HZ);
    business.renewKey();
    business.pickUp();
    await caller.answered();
    await heard(business, CALLER_HZ, { from: business.media.heardSamples });
    await heard(caller, BUSINESS_HZ, { from: caller.media.heardSamples });
    // Of FreeSWITCH's two kinds of sound he is told his own.
    expect(business.requests.map(({ method, body }) => [method, body.match(/^m=/gm)?.length])).toEqual([['INVITE', 1]]);
    await caller.hangUp();
    await scene.events();
  });

  test.each([
    ['one in the clear behind one by SRTP', scenes.plainBehind, ['RTP/SAVP'], ['RTP/AVP']],
    ['one by SRTP behind one in the clear', scenes.securedBehind, ['RTP/AVP'], ['RTP/SAVP']],
  ])('a route with both kinds: %s', async (_what, scene, first, then) => {
    const busy = await stage.phone({
      host: scene.businessAddresses[0] ?? '',
      port: 5060,
      tls: { ...selfSigned(), port: 5061 },
      answers: { ring: false, refuse: { status: 486 } },
    });
    const business = await scene.businessPhone({ toneHz: BUSINESS_HZ }, 1);
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    const there = await business.nextCall();
    await caller.answered();
    await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(there, CALLER_HZ));
    expect(profile((await busy.nextCall()).invite.body)).toEqual(first);
    expect(profile(there.invite.body)).toEqual(then);
    // A refresh that changes nothing gets what it had.
    const refreshed = await there.refresh();
    expect([refreshed.status, profile(refreshed.body)]).toEqual([200, then]);
    // Nor is one that holds told of the kind of sound that he was not offered (RFC 3264 6: as many `m=` lines as he has).
    for (const { status, body } of [await there.hold(), await there.resume()])
      expect([status, profile(body)]).toEqual([200, then]);
    await finish(scene, { caller, business: there });
  });

  test('who answers in the clear what was to be encrypted is hung up on, and the next one is rung', async () => {
    const scene = scenes.answeredPlain;
    const host = scene.businessAddresses[0] ?? '';
    const answers = { sdp: plainSdp(host) };
    const plain = await stage.phone({ host, port: 5060, tls: { ...selfSigned(), port: 5061 }, answers });
    await scene.businessPhone({ toneHz: BUSINESS_HZ }, 1);
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await (await plain.nextCall()).ended()).toMatchObject({ by: 'remote', how: 'bye' });
    await caller.answered();
    await until('he is heard', () => hears(caller, BUSINESS_HZ));
    await caller.hangUp();
    expect((await scene.call()).legs.map(({ result }) => result)).toEqual(['incompatible', 'answered']);
  });

  test('ringing that the business plays is encrypted too', async () => {
    const scene = scenes.early;
    await scene.businessPhone({ ring: { status: 183, earlyToneHz: BUSINESS_HZ }, answerAfterMs: 'never' });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect((await caller.ringing())?.status).toBe(183);
    expect(profile(caller.remoteSdp)).toEqual(['RTP/SAVP']);
    await heard(caller, BUSINESS_HZ);
    caller.cancel();
    await scene.events();
  });

  test('and so is what we say to a caller whom nobody took', async () => {
    const scene = scenes.announced;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await heard(caller, 440);
    expect(profile(caller.remoteSdp)).toEqual(['RTP/SAVP']);
    expect(await caller.ended()).toMatchObject({ status: 486 });
    await scene.events();
  });

  test.each([
    ['encrypted', optional.secure, ['RTP/SAVP']],
    ['in the clear', optional.plain, ['RTP/AVP']],
  ])('a trunk that leaves it to the caller takes him %s', async (_what, scene, expected) => {
    const talk = await scene.talk();
    expect(profile(talk.caller.remoteSdp)).toEqual(expected);
    await finish(scene, talk);
  });

  test('an offer in the clear where SRTP is demanded, and one by SRTP where there is none, get 488', async () => {
    const plain = await scenes.refused.callerPhone();
    const secure = await off.secure.callerPhone();
    for (const call of [
      await plain.call(scenes.refused.dialled),
      await plain.call({ ...scenes.refused.dialled, lateOffer: true }),
      await secure.call(off.secure.dialled),
    ])
      expect(await call.ended()).toMatchObject({ how: 'refused', status: 488 });
    await off.secure.events();
    const talk = await off.plain.talk();
    await finish(off.plain, talk);
  });

  test('a phone that registers gets its key over TLS, and is not rung over anything else', async () => {
    const scene = scenes.registered;
    const phone = await scene.businessPhone({ toneHz: BUSINESS_HZ });
    const caller = await scene.callerPhone();
    const registrar = ({ host, port }: { host: string; port: number }, transport: string) => ({
      registrar: `sip:${host}:${port};transport=${transport}`,
      credentials: ACCOUNT,
    });
    expect((await phone.register(registrar(stage.sip, 'udp'))).status).toBe(200);
    expect(await (await caller.call(scene.dialled)).ended()).toMatchObject({ status: 480 });
    expect((await phone.register(registrar(stage.sips, 'tls'))).status).toBe(200);
    const call = await caller.call(scene.dialled);
    const business = await phone.nextCall();
    expect(business.invite.topVia?.transport).toBe('TLS');
    await call.answered();
    await until('they hear each other', () => hears(call, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await call.hangUp();
    const missed = (await scene.events(2)).find(({ type }) => type === 'call.missed');
    expect(missed?.data.call.lossReason).toBe('not_registered');
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
