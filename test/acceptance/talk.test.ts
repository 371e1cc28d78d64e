import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { DigestVerifier } from '../../src/sandbox/sip/index.js';
import { enginesHere } from '../support/engines.js';
import { expectPlayed, expectTalk, lastCall } from '../support/expectations.js';
import { expectDigest } from '../support/digest.js';
import { heard } from '../support/hearing.js';
import { byeOf, headerValue, plainSdp, RawSip, viaOf } from '../support/raw-sip.js';
import type { Scene } from '../support/scene.js';
import { headerOf } from '../support/sipp-trace.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ, CALLER_HZ } from '../support/wav.js';

const stage = await Stage.open();

const scenes = {
  callerHangsUp: stage.scene({ to: 'destination' }),
  businessHangsUp: stage.scene(),
  staticNumber: stage.scene({ number: 'static' }),
  notLent: stage.scene({ lent: false }),
  notRecorded: stage.scene({ recording: 'never' }),
  tcp: stage.scene({ transport: 'tcp' }),
  challenged: stage.scene({ to: 'destination', auth: { username: 'gw', password: 's3cret' } }),
  challengedBye: stage.scene({ to: 'destination', auth: { username: 'gw', password: 's3cret' } }),
  challengedInfo: stage.scene({ to: 'destination', auth: { username: 'gw', password: 's3cret' } }),
  refreshedMeanwhile: stage.scene(),
  challengedLate: stage.scene({ to: 'destination', auth: { username: 'gw', password: 's3cret' } }),
  challengedTwice: stage.scene({ to: 'destination', auth: { username: 'gw', password: 's3cret' } }),
  timed: stage.scene({ to: 'destination', auth: { username: 'gw', password: 's3cret' } }),
  wrongBye: stage.scene({ to: 'destination', auth: { username: 'gw', password: 'wrong' } }),
  held: stage.scene(),
  heldByBusiness: stage.scene(),
  otherCodec: stage.scene(),
  faxToo: stage.scene(),
  refreshed: stage.scene(),
  lateOffer: stage.scene(),
  earlySound: stage.scene(),
  tooLong: stage.scene({ maxDuration: '3s' }),
  swallowedBye: stage.scene(),
  silent: stage.scene(),
  noAck: stage.scene(),
};

/** Recording begins with the bridge, about 0.1 s after the answer: of so long a talk that is well within 2 %. */
const TALK = 12_500;
const OK = '200 OK';

describe.skipIf(!enginesHere())('calls that are answered', () => {
  beforeAll(() => stage.start({ mediaTimeoutMs: 3000 }));
  afterAll(() => stage.stop());

  test.concurrent('the caller hangs up', async () => {
    const scene = scenes.callerHangsUp;
    const business = await scene.business('business-answers');
    const caller = await scene.caller('caller-hangs-up', { values: { TALK } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    expect(heardBack.trace.received('INVITE')).toEqual([180, 200]);
    const call = await expectTalk(stage, scene, { endedBy: 'caller', seenBy: [heardBack, there] });
    expect(call).toMatchObject({
      caller: { number: scene.callerNumber, withheld: false, firstCall: true },
      numberKind: 'dynamic',
      attribution: { verdict: 'exact', confidence: 1, session: { id: scene.sessionId, keyword: 'купить диван' } },
    });
    expect(call.sipCallId).toBe(heardBack.trace.messages[0]?.callId);
  });

  test.concurrent('the business hangs up', async () => {
    const scene = scenes.businessHangsUp;
    const business = await scene.business('business-hangs-up', { values: { TALK } });
    const caller = await scene.caller('caller-stays');
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    await expectTalk(stage, scene, { endedBy: 'business', seenBy: [heardBack, there] });
  });

  test.concurrent('a static number names its source', async () => {
    const scene = scenes.staticNumber;
    await scene.business('business-answers');
    const caller = await scene.caller('caller-hangs-up');
    expectPlayed(await caller.done);
    const call = await expectTalk(stage, scene, { endedBy: 'caller' });
    expect(call).toMatchObject({
      numberKind: 'static',
      attribution: { verdict: 'static', session: null, source: { label: 'billboard' } },
    });
  });

  test.concurrent('a dynamic number that nobody holds connects all the same', async () => {
    const scene = scenes.notLent;
    await scene.business('business-answers');
    const caller = await scene.caller('caller-hangs-up');
    expectPlayed(await caller.done);
    const call = await expectTalk(stage, scene, { endedBy: 'caller' });
    expect(call.attribution).toMatchObject({ verdict: 'none', session: null });
  });

  test.concurrent('a route without recording leaves none', async () => {
    const scene = scenes.notRecorded;
    await scene.business('business-answers');
    const caller = await scene.caller('caller-hangs-up');
    expectPlayed(await caller.done);
    const events = await scene.events();
    expect(events.map((event) => event.type)).toEqual([
      'call.received',
      'call.ringing',
      'call.answered',
      'call.completed',
      'recording.absent',
    ]);
    const { recording } = lastCall(events);
    expect(recording).toMatchObject({ status: 'absent', reason: 'not_wanted', file: null });
  });

  test.concurrent('both sides on TCP', async () => {
    const scene = scenes.tcp;
    const business = await scene.business('business-answers');
    const caller = await scene.caller('caller-hangs-up', { transport: 'tcp', values: { TALK } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    await expectTalk(stage, scene, { endedBy: 'caller', seenBy: [heardBack, there] });
  });

  test.concurrent('the carrier asks for a digest', async () => {
    const scene = scenes.challenged;
    const business = await scene.business('business-challenges');
    const caller = await scene.caller('caller-hangs-up', { values: { TALK } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    const [challenged, credentials] = there.trace.messages.filter((message) => message.kind === 'INVITE');
    expect(challenged?.text).not.toContain('Proxy-Authorization');
    expectDigest(credentials, scene.options.auth);
    await expectTalk(stage, scene, {
      endedBy: 'caller',
      seenBy: [heardBack, there],
      types: ['call.received', 'call.answered', 'call.completed', 'recording.ready'],
    });
  });

  /** A business that answers INVITE, INFO and BYE as `judge` says; the answers that it gave. */
  async function judged(
    scene: Scene,
    context: TestContext,
    judge: (method: string, message: string) => [status: string, ...headers: string[]],
  ): Promise<string[]> {
    const business = await RawSip.open(scene.businessAddresses[0] ?? '');
    context.onTestFinished(() => business.close());
    const answered: string[] = [];
    business.onMessage((message) => {
      const method = message.slice(0, message.indexOf(' '));
      if (!['INVITE', 'INFO', 'BYE'].includes(method)) return;
      const [status, ...headers] = judge(method, message);
      answered.push(`${method} ${status.slice(0, 3)}`);
      const body = status === OK && method === 'INVITE' ? { body: plainSdp(business.address) } : {};
      business.send(business.response(status, message, { toTag: 'b', headers, ...body }), viaOf(message));
    });
    return answered;
  }

  async function talkBriefly(scene: Scene): Promise<void> {
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await caller.answered();
    await caller.hangUp();
  }

  // A switch that trusts no dialog either (RFC 3261 22.2).
  test.concurrent.for([
    ['gets it', scenes.challengedBye, 'ok'],
    ['gets a wrong one once, and no more', scenes.wrongBye, 'wrong'],
  ] as const)('a carrier that asks for a digest with BYE %s', async ([, scene, verdict], context) => {
    const verifier = new DigestVerifier('carrier', (name) => (name === 'gw' ? 's3cret' : undefined));
    const verdicts: string[] = [];
    await judged(scene, context, (method, message) => {
      if (method === 'INVITE') return [OK];
      const credentials = headerValue(message, 'Proxy-Authorization');
      verdicts.push(credentials === undefined ? 'none' : verifier.verify(credentials, 'BYE'));
      return verdicts.at(-1) === 'ok' ? [OK] : ['407 Who?', `Proxy-Authenticate: ${verifier.challenge()}`];
    });
    await talkBriefly(scene);
    await scene.events();
    await until('nothing of it is counted', async () => {
      return ((await stage.channelsInUse()).get(`destination:${scene.targetIds[0] ?? ''}`) ?? 0) === 0;
    });
    expect(verdicts).toEqual(['none', verdict]);
  });

  test.concurrent('a carrier that asks for a digest with INFO gets the keys all the same', async (context) => {
    const scene = scenes.challengedInfo;
    const verifier = new DigestVerifier('carrier', () => 's3cret');
    const keys: string[] = [];
    const answered = await judged(scene, context, (method, message) => {
      if (method !== 'INFO') return [OK];
      const verdict = verifier.verify(headerValue(message, 'Proxy-Authorization') ?? '', 'INFO');
      if (verdict !== 'ok') return ['407 Who?', `Proxy-Authenticate: ${verifier.challenge()}`];
      keys.push(/^Signal=(.)/m.exec(message)?.[1] ?? '');
      return [OK];
    });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await caller.answered();
    await caller.press('5', 'info');
    await until('the key is there', () => keys.length > 0);
    await caller.hangUp();
    await scene.events();
    expect(keys).toEqual(['5']);
    expect(answered).toEqual(['INVITE 200', 'INFO 407', 'INFO 200', 'BYE 200']);
  });

  test.concurrent('a business that refreshes its session while it owes us an answer to keys', async (context) => {
    const scene = scenes.refreshedMeanwhile;
    const business = await RawSip.open(scene.businessAddresses[0] ?? '');
    context.onTestFinished(() => business.close());
    let invited = '';
    let owed = '';
    const ok = (message: string, body = ''): void =>
      business.send(business.response('200 OK', message, { toTag: 'b', body }), viaOf(message));
    business.onMessage((message) => {
      const [method = ''] = message.split(' ', 1);
      if (method === 'INVITE') ok((invited = message), plainSdp(business.address));
      else if (method === 'INFO') owed = message;
      else if (method === 'BYE') ok(message);
    });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    await caller.answered();
    await caller.press('5', 'info');
    await until('the key is there', () => owed !== '');
    const update = byeOf(invited, business, 'b')
      .replace(/^BYE/, 'UPDATE')
      .replace('CSeq: 1 BYE', `Contact: <sip:raw@${business.address}>\r\nCSeq: 1 UPDATE`);
    business.send(update, stage.sip);
    await business.received(/^SIP\/2\.0 200 [^]*CSeq: 1 UPDATE/i);
    ok(owed);
    await caller.hangUp();
    await scene.events();
  });

  test.concurrent('a carrier whose nonce has run out when our answer comes', async (context) => {
    const scene = scenes.challengedLate;
    const [old, young] = [new DigestVerifier('carrier', () => 's3cret'), new DigestVerifier('carrier', () => 's3cret')];
    const answered = await judged(scene, context, (method, message) => {
      const credentials = headerValue(message, 'Proxy-Authorization');
      if (credentials === undefined) return ['407 Who?', `Proxy-Authenticate: ${old.challenge()}`];
      return young.verify(credentials, method) === 'ok'
        ? [OK]
        : ['407 Who?', `Proxy-Authenticate: ${young.challenge(true)}`];
    });
    await talkBriefly(scene);
    await until('it is hung up on', () => answered.includes('BYE 200'));
    expect(answered).toEqual(['INVITE', 'BYE'].flatMap((one) => [`${one} 407`, `${one} 407`, `${one} 200`]));
  });

  test.concurrent(
    'a carrier whose proxy and whose switch ask for a digest each, with INVITE and BYE',
    async (context) => {
      const scene = scenes.challengedTwice;
      const [proxy, there] = [
        new DigestVerifier('proxy', () => 's3cret'),
        new DigestVerifier('switch', () => 's3cret'),
      ];
      /** The proxy's nonce in an INVITE, and how often it is answered. */
      const counts: string[] = [];
      const answered = await judged(scene, context, (method, message) => {
        const [forProxy = '', forSwitch = ''] = ['Proxy-Authorization', 'Authorization'].map((name) =>
          headerValue(message, name),
        );
        const count = /nc=(\w+)/.exec(forProxy)?.[1];
        if (method === 'INVITE' && count !== undefined) counts.push(count);
        if (proxy.verify(forProxy, method) !== 'ok') return ['407 Who?', `Proxy-Authenticate: ${proxy.challenge()}`];
        if (there.verify(forSwitch, method) !== 'ok') return ['401 Who?', `WWW-Authenticate: ${there.challenge()}`];
        return [OK];
      });
      await talkBriefly(scene);
      await until('it is hung up on', () => answered.includes('BYE 200'));
      expect(answered).toEqual(['INVITE', 'BYE'].flatMap((one) => [`${one} 407`, `${one} 401`, `${one} 200`]));
      expect(counts).toEqual(['00000001', '00000002']);
    },
  );

  test.concurrent('a carrier that insists on a session timer, on a longer one, and on a digest', async (context) => {
    const scene = scenes.timed;
    const verifier = new DigestVerifier('carrier', () => 's3cret');
    let taken = '';
    const answered = await judged(scene, context, (method, message) => {
      if (method !== 'INVITE') return [OK];
      const seconds = Number.parseInt(headerValue(message, 'Session-Expires') ?? '', 10);
      if (Number.isNaN(seconds)) return ['421 Extension Required', 'Require: timer'];
      if (seconds < 3600) return ['422 Session Interval Too Small', 'Min-SE: 3600'];
      if (verifier.verify(headerValue(message, 'Proxy-Authorization') ?? '', method) !== 'ok')
        return ['407 Who?', `Proxy-Authenticate: ${verifier.challenge()}`];
      taken = message;
      return [OK, 'Require: timer', 'Session-Expires: 3600;refresher=uas'];
    });
    await talkBriefly(scene);
    expect((await scene.events()).at(-2)?.type).toBe('call.completed');
    expect(answered).toEqual(['INVITE 421', 'INVITE 422', 'INVITE 407', 'INVITE 200', 'BYE 200']);
    const said = ['Supported', 'Session-Expires', 'Min-SE'].map((name) => headerValue(taken, name));
    expect(said).toEqual(['timer', '3600;refresher=uas', '3600']);
  });

  test.concurrent('hold and resume', async () => {
    const scene = scenes.held;
    const business = await scene.business('business-answers-changes');
    // Longer than a leg may be silent that does not hold.
    const caller = await scene.caller('caller-holds', { values: { TALK: 4500, HOLD: 4000 } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    const holdAnswer = heardBack.trace.messages.filter(
      (message) => message.direction === 'received' && message.kind === '200' && message.method === 'INVITE',
    )[1];
    expect(holdAnswer?.text).toMatch(/^a=(recvonly|inactive)/m);
    const tones = [undefined, BUSINESS_HZ];
    await expectTalk(stage, scene, { endedBy: 'caller', seenBy: [heardBack, there], tones });
  });

  test.concurrent('the business holds, resumes and refreshes', async () => {
    const scene = scenes.heldByBusiness;
    const business = await scene.business('business-holds', { values: { TALK: 4500, HOLD: 4000 } });
    const caller = await scene.caller('caller-stays');
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    const answers = there.trace.messages.filter(
      ({ direction, kind, method }) => direction === 'received' && kind === '200' && method === 'INVITE',
    );
    const directions = answers.map(({ text }) => /^a=(\w+(?:only|recv|active))/m.exec(text)?.[1] ?? 'sendrecv');
    expect(directions).toEqual([expect.stringMatching(/^(recvonly|inactive)$/), 'sendrecv', 'sendrecv']);
    const tones = [CALLER_HZ, undefined];
    await expectTalk(stage, scene, { endedBy: 'business', seenBy: [heardBack, there], tones });
  });

  test.concurrent('a caller who offers fax beside his voice is heard, and recorded', async () => {
    const scene = scenes.faxToo;
    await scene.business('business-answers');
    const caller = await scene.caller('caller-hangs-up', { values: { STREAMS: 'm=image 6000 udptl t38' } });
    expectPlayed(await caller.done);
    const events = await scene.events();
    expect(events.at(-1)?.type).toBe('recording.ready');
    expect(lastCall(events).recording.silentChannels).toEqual([]);
  });

  test.concurrent('who would change to codecs that FreeSWITCH has not is refused, and heard as before', async () => {
    const { caller, business } = await scenes.otherCodec.talk();
    for (const [one, other, hz] of [
      [caller, business, CALLER_HZ],
      [business, caller, BUSINESS_HZ],
    ] as const) {
      for (const audio of ['m=audio $1 RTP/AVP 18', 'm=audio 0 RTP/AVP 8']) {
        const { status } = await one.reInvite(one.localSdp.replace(/^m=audio (\d+) .*$/m, audio));
        expect(status).toBe(488);
      }
      // Behind what was on its way, and was heard all the same.
      await heard(other, hz, { from: other.media.heardSamples + 8000 });
    }
    await caller.hangUp();
    await scenes.otherCodec.events();
  });

  test.concurrent(
    'session refresh by re-INVITE and by UPDATE; a transfer is refused, and the talk goes on',
    async () => {
      const scene = scenes.refreshed;
      const business = await scene.business('business-answers-changes');
      const caller = await scene.caller('caller-refreshes', {
        values: { TALK: 4000, HEADERS: 'Session-Expires: 90\nRequire: timer' },
      });
      const [heardBack, there] = await Promise.all([caller.done, business.done]);
      expectPlayed(heardBack, there);
      expect(heardBack.trace.received('UPDATE')).toEqual([200]);
      const answer = heardBack.trace.find('received', '200');
      expect(answer && headerOf(answer, 'Require')).toBe('timer');
      // Who is not told that his timer goes on refreshes no more, and drachtio-server hangs up on him.
      const timers = heardBack.trace.messages
        .filter(({ direction, kind }) => direction === 'received' && kind === '200')
        .map((message) => `${message.method} ${headerOf(message, 'Session-Expires') ?? ''}`);
      expect(timers).toEqual(
        ['INVITE', 'INVITE', 'UPDATE', 'BYE'].map(
          (method) => `${method} ${method === 'BYE' ? '' : '90;refresher=uac'}`,
        ),
      );
      await expectTalk(stage, scene, { endedBy: 'caller', seenBy: [heardBack, there] });
    },
  );

  test.concurrent('late offer: the caller gives his SDP in the ACK', async () => {
    const scene = scenes.lateOffer;
    const business = await scene.business('business-answers');
    const caller = await scene.caller('caller-offers-late', { values: { TALK } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    await expectTalk(stage, scene, { endedBy: 'caller' });
  });

  test.concurrent('the caller gets a 183 with SDP before the answer', async () => {
    const scene = scenes.earlySound;
    const business = await scene.business('business-sounds-early', { values: { RING: 1000 } });
    const caller = await scene.caller('caller-hangs-up', { values: { TALK } });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    expect(heardBack.trace.received('INVITE')).toEqual([183, 200]);
    const early = heardBack.trace.find('received', '183');
    expect(early?.text).toMatch(/^m=audio [1-9]/m);
    await expectTalk(stage, scene, { endedBy: 'caller', seenBy: [heardBack, there] });
  });

  test.concurrent('a talk ends at the longest that its route allows', async () => {
    const scene = scenes.tooLong;
    const business = await scene.business('business-answers');
    const caller = await scene.caller('caller-stays');
    expectPlayed(...(await Promise.all([caller.done, business.done])));
    await expectTalk(stage, scene, { endedBy: 'gateway', reason: 'max_duration' });
  });

  test.concurrent('a BYE that the business never answers', async () => {
    const scene = scenes.swallowedBye;
    const business = await scene.business('business-swallows-bye');
    const caller = await scene.caller('caller-hangs-up', { values: { TALK } });
    const heardBack = await caller.done;
    // Whose leg is off the wire is free; the other one is not until its BYE has been given up.
    const inUse = await until('the caller is gone', async () => {
      const channels = await stage.channelsInUse();
      return (channels.get(`number:${scene.trackingNumber}`) ?? 0) === 0 ? channels : undefined;
    });
    expect(inUse.get(`line:${scene.targetIds[0] ?? ''}`)).toBe(1);
    const there = await business.done;
    expectPlayed(heardBack, there);
    await expectTalk(stage, scene, { endedBy: 'caller', seenBy: [heardBack, there] });
  });

  test.concurrent('the sound of the caller stops', async () => {
    const scene = scenes.silent;
    const business = await scene.business('business-answers');
    const caller = await scene.caller('caller-falls-silent', { values: { TALK: 2000 } });
    expectPlayed(...(await Promise.all([caller.done, business.done])));
    await expectTalk(stage, scene, {
      endedBy: 'gateway',
      reason: 'media_timeout',
      tones: [undefined, BUSINESS_HZ],
    });
  });

  test.concurrent('no ACK: the call ends after 32 s', async () => {
    const scene = scenes.noAck;
    const business = await scene.business('business-answers');
    const caller = await scene.caller('caller-never-acks');
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    const bye = heardBack.trace.find('received', 'BYE');
    expect(bye === undefined ? '' : headerOf(bye, 'Reason')).toMatch(/ACK timeout/i);
    await expectTalk(stage, scene, { endedBy: 'gateway', reason: 'ack_timeout' });
  });

  // The BYE that nobody answers is given up by drachtio after 32 s (RFC 3261 timer F), which may be the last thing to end.
  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
