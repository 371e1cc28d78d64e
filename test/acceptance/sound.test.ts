import { createSocket, type Socket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeG711 } from '../../src/sandbox/rtp/g711.js';
import { writeRtpHeader } from '../../src/sandbox/rtp/packet.js';
import { ToneGenerator } from '../../src/sandbox/rtp/tone.js';
import { enginesHere } from '../support/engines.js';
import { expectLost, lastCall } from '../support/expectations.js';
import { heard, hears } from '../support/hearing.js';
import { plainSdp, RawSip, viaOf } from '../support/raw-sip.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../support/wav.js';

const ANNOUNCEMENT_HZ = 620;
const EARLY_HZ = 850;

const stage = await Stage.open();

const scenes = {
  keys: stage.scene(),
  infoKeys: stage.scene(),
  callersMusic: stage.scene(),
  businessMusic: stage.scene(),
  keysAfterRinging: stage.scene(),
  otherMusic: stage.scene(),
  bothCodecs: stage.scene(),
  early: stage.scene(),
  businessHolds: stage.scene(),
  movesAtOnce: stage.scene(),
  announced: stage.scene({ announcement: `tone_stream://%(1500,0,${ANNOUNCEMENT_HZ})` }),
  leavesAnnouncement: stage.scene({ announcement: `tone_stream://%(60000,0,${ANNOUNCEMENT_HZ})` }),
};

/** As players of music and of ringing tones write theirs: keys are none of their business. */
const withoutKeys = (sdp: string): string =>
  sdp.replace(/^(m=audio .*) 101\r$/m, '$1\r').replace(/^a=(?:rtpmap|fmtp):101 .*\r\n/gm, '');

/** The business's tone in µ-law. */
function speak(from: Socket, to: { host: string; port: number }): NodeJS.Timeout {
  const tone = new ToneGenerator([BUSINESS_HZ]);
  const samples = new Int16Array(160);
  let sent = 0;
  return setInterval(() => {
    tone.fill(samples);
    const packet = Buffer.alloc(12 + samples.length);
    writeRtpHeader(packet, {
      payloadType: 0,
      marker: sent === 0,
      sequence: sent,
      timestamp: sent * samples.length,
      ssrc: 7,
    });
    encodeG711('ulaw', samples, packet, 12, samples.length);
    from.send(packet, to.port, to.host);
    sent += 1;
  }, 20);
}

const asNext = (sdp: string): string =>
  sdp.replace(/^(o=\S+ \S+ )(\d+)/m, (_, start: string, version: string) => start + String(Number(version) + 1));

describe.skipIf(!enginesHere())('what is heard', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test.concurrent('keys pressed in the sound (RFC 4733) reach the other side', async () => {
    const { caller, business } = await scenes.keys.talk();
    await caller.press('159#');
    await business.press('42*');
    await until('the keys', () => business.digits === '159#' && caller.digits === '42*');
    await caller.hangUp();
    await business.ended();
    expect(lastCall(await scenes.keys.events())).toMatchObject({ disposition: 'answered' });
  });

  test.concurrent('keys pressed as INFO reach the other side', async () => {
    const { caller, business } = await scenes.infoKeys.talk();
    await caller.press('7', 'info');
    await business.press('8', 'info');
    await until('the keys', () => business.digits === '7' && caller.digits === '8');
    await caller.hangUp();
    await scenes.infoKeys.events();
  });

  // A PBX that holds has its player of music offer in the phone's place, and the phone again behind that.
  test.concurrent.for([
    ['the caller', scenes.callersMusic],
    ['the business', scenes.businessMusic],
  ] as const)('keys reach either side though %s was on hold with music that knows none', async ([, scene]) => {
    const { caller, business } = await scene.talk();
    const holding = scene === scenes.callersMusic ? caller : business;
    const talking = holding.localSdp;
    const music = withoutKeys(asNext(talking)).replace('a=sendrecv', 'a=sendonly');
    expect((await holding.reInvite(music)).status).toBe(200);
    holding.localSdp = asNext(asNext(talking));
    expect((await holding.refresh()).body).toContain('telephone-event');
    await caller.press('159#');
    await business.press('42*');
    await until('the keys', () => business.digits === '159#' && caller.digits === '42*');
    await caller.hangUp();
    await scene.events();
  });

  test.concurrent('keys reach a business whose ringing tone came from a player that knows none', async () => {
    const scene = scenes.keysAfterRinging;
    const business = await RawSip.open(scene.businessAddresses[0] ?? '');
    const ear = createSocket('udp4').bind(6000, business.address);
    const types = new Set<number>();
    ear.on('message', (packet) => types.add((packet[1] ?? 0) & 0x7f));
    const sdp = plainSdp(business.address);
    business.onMessage((message) => {
      const [method = ''] = message.split(' ', 1);
      const say = (status: string, body: string): void =>
        business.send(business.response(status, message, { toTag: 'b', body }), viaOf(message));
      if (method === 'INVITE') say('183 Session Progress', withoutKeys(sdp));
      if (method !== 'ACK') say('200 OK', method === 'INVITE' ? sdp : '');
    });
    try {
      const caller = await (await scene.callerPhone()).call(scene.dialled);
      await caller.answered();
      await until('the sound', () => types.has(8));
      await caller.press('5');
      await until('the key', () => types.has(101));
      await caller.hangUp();
      await scene.events();
    } finally {
      ear.close();
      business.close();
    }
  });

  test.concurrent(
    'a business that takes both codecs is heard by either, and answered by the one that it speaks',
    async () => {
      const scene = scenes.bothCodecs;
      const business = await RawSip.open(scene.businessAddresses[0] ?? '');
      const sound = createSocket('udp4').bind(6000, business.address);
      const heardBy = new Set<number>();
      sound.on('message', (packet) => heardBy.add((packet[1] ?? 0) & 0x7f));
      const sdp = plainSdp(business.address).replace('AVP 8 101', 'AVP 8 0 101');
      business.onMessage((message) => {
        const body = message.startsWith('INVITE ') ? sdp : '';
        if (message.startsWith('ACK ')) return;
        business.send(business.response('200 OK', message, { toTag: 'b', body }), viaOf(message));
      });
      let speaking: NodeJS.Timeout | undefined;
      try {
        const caller = await (await scene.callerPhone()).call(scene.dialled);
        await caller.answered();
        const [, port] = /^m=audio (\d+)/m.exec(business.messages[0] ?? '') ?? [];
        speaking = speak(sound, { host: stage.sip.host, port: Number(port) });
        await until('the business is heard', () => hears(caller, BUSINESS_HZ));
        await until('it is answered so', () => heardBy.has(0));
        await caller.hangUp();
        await scene.events();
      } finally {
        clearInterval(speaking);
        sound.close();
        business.close();
      }
    },
  );

  test.concurrent('who asks for an offer behind music in another codec is offered ours again', async () => {
    const scene = scenes.otherMusic;
    const { caller, business } = await scene.talk();
    const talking = business.localSdp;
    const music = withoutKeys(asNext(talking))
      .replace(/^(m=audio .*) 8\r$/m, '$1 0\r')
      .replace('rtpmap:8 PCMA', 'rtpmap:0 PCMU');
    expect((await business.reInvite(music)).body).toContain('PCMU');
    const offer = await business.resume('asked');
    expect(offer.body).toMatch(/^m=audio \d+ RTP\/AVP 0 8 101\r$/m);
    await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    expect(business.localSdp).toContain('PCMA');
    await caller.press('7');
    await until('the key', () => business.digits === '7');
    await caller.hangUp();
    await scene.events();
  });

  test.concurrent('the caller hears what the business sends before it answers', async () => {
    const scene = scenes.early;
    const there = await scene.businessPhone({
      ring: { status: 183, earlyToneHz: EARLY_HZ },
      answerAfterMs: 'never',
      toneHz: BUSINESS_HZ,
    });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    const business = await there.nextCall();
    await until('the early sound', () => hears(caller, EARLY_HZ));
    expect(caller.isAnswered).toBe(false);
    business.pickUp();
    await caller.answered();
    await until('the answer', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await caller.hangUp();
    await scene.events();
  });

  test.concurrent('the business holds, resumes and refreshes by UPDATE', async () => {
    const { caller, business } = await scenes.businessHolds.talk();
    const held = await business.hold();
    expect(held.body).toMatch(/^a=recvonly\r$/m);
    await business.resume();
    await until('they hear each other again', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    const heldAgain = await business.hold();
    const offer = await business.resume('asked');
    expect(offer.body).not.toMatch(/^a=(sendonly|recvonly|inactive)/m);
    const version = ({ body }: { body: string }): number => Number(/^o=\S+ \S+ (\d+)/m.exec(body)?.[1]);
    expect(version(offer)).toBeGreaterThan(version(heldAgain));
    expect(version(await business.hold())).toBeGreaterThan(version(offer));
    await business.resume();
    const timer = { Supported: 'timer', 'Session-Expires': '90;refresher=uac' };
    for (const refreshed of [
      await business.refresh('UPDATE', timer),
      await business.request('UPDATE', { headers: timer }),
    ])
      expect([refreshed.status, refreshed.headers.get('Session-Expires')]).toEqual([200, '90;refresher=uac']);
    await until('they hear each other once more', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    await business.hangUp();
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(lastCall(await scenes.businessHolds.events()).ended).toMatchObject({ by: 'business' });
  });

  test.concurrent(
    'what the business changes as soon as it has answered is heard of, as by a PBX that moves the sound',
    async () => {
      const scene = scenes.movesAtOnce;
      const there = await scene.businessPhone();
      const caller = await (await scene.callerPhone()).call(scene.dialled);
      const business = await there.nextCall();
      await business.acknowledged();
      expect((await business.hold()).body).toMatch(/^a=recvonly\r$/m);
      await business.resume();
      await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
      await caller.hangUp();
      await scene.events();
    },
  );

  test.concurrent('a caller whom nobody takes hears the announcement, unbilled, and is then refused', async () => {
    const scene = scenes.announced;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await caller.ringing()).toMatchObject({ status: 183 });
    await heard(caller, ANNOUNCEMENT_HZ);
    expect(await caller.ended()).toMatchObject({ how: 'refused', status: 486 });
    expect(caller.isAnswered).toBe(false);
    await expectLost(scene, { lossReason: 'busy', legs: ['busy'] });
  });

  test.concurrent('a caller may leave the announcement', async () => {
    const scene = scenes.leavesAnnouncement;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await heard(caller, ANNOUNCEMENT_HZ);
    caller.cancel();
    expect(await caller.ended()).toMatchObject({ status: 487 });
    await expectLost(scene, { lossReason: 'busy', legs: ['busy'] });
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
