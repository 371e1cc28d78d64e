import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { expectLost, expectPlayed, lastCall } from '../support/expectations.js';
import { headerValue, plainSdp, RawSip, viaOf } from '../support/raw-sip.js';
import { writeNumber } from '../support/lender.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const stage = await Stage.open();

const scenes = {
  stranger: stage.scene(),
  unknownNumber: stage.scene({ number: 'unknown' }),
  foreignSite: stage.scene(),
  switchedOff: stage.scene(),
  routeGone: stage.scene(),
  withheld: stage.scene(),
  asserted: stage.scene(),
  remoteParty: stage.scene(),
  preferred: stage.scene(),
  notations: stage.scene(),
  noAudio: stage.scene(),
  twoWays: stage.scene(),
  twoWaysCancelled: stage.scene(),
  ipv6Caller: stage.scene(),
  ipv6Business: stage.scene({ next: 'unreachable' }),
  otherCodec: stage.scene({ next: 'unreachable' }),
  longSdp: stage.scene(),
  oneCodec: stage.scene(),
  odd: stage.scene(),
  impossible: stage.scene(),
  oddText: stage.scene(),
  garbage: stage.scene(),
};

/** One INVITE exactly as written; gives the final answer and acknowledges it where it is a refusal. */
async function invite(
  scene: Scene,
  change: (message: string) => string,
  body = plainSdp(scene.carrierAddress),
): Promise<string> {
  const caller = await RawSip.open(scene.carrierAddress);
  try {
    const callId = `raw-${scene.n}-${Math.random().toString(36).slice(2)}`;
    const parts = { called: scene.trackingNumber, caller: scene.callerNumber, callId, branch: callId };
    caller.send(change(caller.request('INVITE', stage.sip, { ...parts, body })), stage.sip);
    // An answer to the call before may be repeated to the same address.
    const final = await caller.received(new RegExp(`^SIP/2\\.0 [2-6][^]*${callId}`));
    const toTag = /;tag=(\S+)/.exec(headerValue(final, 'To') ?? '')?.[1] ?? '';
    caller.send(caller.request('ACK', stage.sip, { ...parts, toTag }), stage.sip);
    return final;
  } finally {
    caller.close();
  }
}

const unchanged = (message: string): string => message;

const ipv6Sdp = plainSdp('2001:db8::1').replaceAll('IN IP4', 'IN IP6');
const g729Sdp = plainSdp('127.0.0.1').replace('RTP/AVP 8 101', 'RTP/AVP 18 101');

describe.skipIf(!enginesHere())('what comes in from outside', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test.concurrent('an unknown source is refused before Redis is touched, and is never an event', async () => {
    const scene = scenes.stranger;
    // Not by ioredis: its monitor fails where the first command is told with the reply to its own.
    const { hostname, port } = new URL(stage.redis.url);
    const monitor = connect(Number(port), hostname);
    let commands = '';
    monitor.on('data', (text) => (commands += text.toString()));
    monitor.write('MONITOR\r\n');
    await until('Redis tells what it is asked', () => commands.startsWith('+OK'));
    const caller = await RawSip.open(stage.addresses.stranger());
    try {
      const parts = {
        called: scene.trackingNumber,
        caller: scene.callerNumber,
        callId: 'stranger',
        branch: 'stranger',
      };
      caller.send(caller.request('INVITE', stage.sip, { ...parts, body: plainSdp(caller.address) }), stage.sip);
      expect(await caller.received(/^SIP\/2\.0 [2-6]/)).toMatch(/^SIP\/2\.0 403 /);
    } finally {
      caller.close();
      monitor.destroy();
    }
    expect(commands).not.toContain(scene.trackingNumber);
    expect(stage.receiver.events.filter((event) => event.data.call.trackingNumber === scene.trackingNumber)).toEqual(
      [],
    );
    const metrics = await (await fetch(`${stage.gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/reason="unknown_source"[^\n]*\} [1-9]/);
  });

  test.concurrent.each([
    ['answered', scenes.twoWays, false],
    ['cancelled', scenes.twoWaysCancelled, true],
  ] as const)('an INVITE that comes by two ways is one call, which can be %s', async (_, scene, cancelled) => {
    const caller = await RawSip.open(scene.carrierAddress);
    const dialog = { called: scene.trackingNumber, caller: scene.callerNumber, callId: `twice-${scene.n}` };
    const [one, other] = [`one${scene.n}`, `other${scene.n}`];
    const send = (method: string, branch: string, parts: Partial<Parameters<RawSip['request']>[2]> = {}): void =>
      caller.send(caller.request(method, stage.sip, { ...dialog, branch, ...parts }), stage.sip);
    const final = (status: number, branch: string): Promise<string> =>
      caller.received(new RegExp(`^SIP/2\\.0 ${status} [^]*branch=z9hG4bK${branch};[^]*CSeq: 1 INVITE`, 'i'));
    const tagOf = (message: string): string => /;tag=(\S+)/.exec(headerValue(message, 'To') ?? '')?.[1] ?? '';
    try {
      const there = await scene.businessPhone({ answerAfterMs: 'never' });
      const body = plainSdp(caller.address);
      send('INVITE', one, { body });
      const business = await there.nextCall();
      send('INVITE', other, { body });
      send('ACK', other, { toTag: tagOf(await final(482, other)) });
      if (cancelled) {
        send('CANCEL', one);
        expect(await business.ended()).toMatchObject({ how: 'cancel' });
        send('ACK', one, { toTag: tagOf(await final(487, one)) });
      } else {
        business.pickUp();
        const toTag = tagOf(await final(200, one));
        send('ACK', `ack${one}`, { toTag });
        await business.acknowledged();
        send('BYE', `bye${one}`, { toTag, cseq: 2 });
        expect(await business.ended()).toMatchObject({ how: 'bye' });
      }
      const events = await scene.events();
      expect(lastCall(events).disposition).toBe(cancelled ? 'missed' : 'answered');
      expect(new Set(events.map(({ data }) => data.call.id)).size).toBe(1);
      expect(there.calls).toHaveLength(1);
    } finally {
      caller.close();
    }
  });

  test.concurrent('a caller who wants sound at an IPv6 address only is refused: FreeSWITCH has none here', async () => {
    const scene = scenes.ipv6Caller;
    expect(await invite(scene, unchanged, ipv6Sdp)).toMatch(/^SIP\/2\.0 488 /);
    await expectLost(scene, { lossReason: 'media_failure', legs: [] });
  });

  test.concurrent.each([
    ['by IPv6 alone', scenes.ipv6Business, ipv6Sdp],
    ['with a codec that nobody offered', scenes.otherCodec, g729Sdp],
  ])('a business that answers %s is hung up on, and the next step is tried', async (_how, scene, sdp) => {
    const first = await RawSip.open(scene.businessAddresses[0] ?? '');
    first.onMessage((message) => {
      if (message.startsWith('ACK ')) return;
      const body = message.startsWith('INVITE ') ? sdp : '';
      first.send(first.response('200 OK', message, { toTag: 'b', body }), viaOf(message));
    });
    try {
      const second = await scene.business('business-answers', {}, 1);
      const caller = await scene.caller('caller-hangs-up');
      await first.received(/^BYE /);
      expectPlayed(...(await Promise.all([caller.done, second.done])));
      const call = lastCall(await scene.events());
      expect(call.disposition).toBe('answered');
      expect(call.legs.map(({ result, sip }) => [result, sip])).toEqual([
        ['incompatible', 200],
        ['answered', 200],
      ]);
    } finally {
      first.close();
    }
  });

  test.concurrent('an unknown tracking number is answered 404 and told', async () => {
    const caller = await scenes.unknownNumber.caller('caller-is-refused', { values: { STATUS: 404 } });
    expectPlayed(await caller.done);
    await expectLost(scenes.unknownNumber, {
      disposition: 'rejected',
      lossReason: 'unknown_number',
      legs: [],
      types: ['call.received', 'call.rejected'],
    });
  });

  test.concurrent.each([
    ['whose site is not configured', 'told of as unknown', scenes.foreignSite, { site: 'gone' }, null],
    ['that is switched off', 'told to its site', scenes.switchedOff, { enabled: 'no' }, 'shop'],
  ] as const)('a number of Redis %s is answered 404 and %s', async (_what, _told, scene, fields, site) => {
    await writeNumber(stage.client, 'ct:', scene.trackingNumber, fields);
    const caller = await scene.caller('caller-is-refused', { values: { STATUS: 404 } });
    expectPlayed(await caller.done);
    const call = await expectLost(scene, {
      disposition: 'rejected',
      lossReason: 'unknown_number',
      legs: [],
      types: ['call.received', 'call.rejected'],
    });
    expect(call).toMatchObject({ site, attribution: { verdict: 'none', session: null } });
  });

  test.concurrent("a number of Redis whose route is gone goes its site's way", async () => {
    const scene = scenes.routeGone;
    await writeNumber(stage.client, 'ct:', scene.trackingNumber, { route: 'gone' });
    // The site's own route is that of the first scene, whose caller never gets in.
    const business = await scenes.stranger.business('business-refuses');
    const caller = await scene.caller('caller-is-refused', { values: { STATUS: 486 } });
    expectPlayed(...(await Promise.all([caller.done, business.done])));
    expect(lastCall(await scene.events()).route).toBe(scenes.stranger.routeId);
  });

  test.concurrent('a caller who withholds his number stays unknown', async () => {
    const scene = scenes.withheld;
    const business = await scene.business('business-refuses');
    const caller = await scene.caller('caller-is-refused', {
      values: {
        STATUS: 486,
        FROM: '"Anonymous" <sip:anonymous@anonymous.invalid>',
        HEADERS: `Privacy: id\nP-Asserted-Identity: <sip:${scene.callerNumber}@carrier.example>`,
      },
    });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    const call = await expectLost(scene, { lossReason: 'busy' });
    expect(call.caller).toMatchObject({ number: null, withheld: true, previousCalls: null });
    const offered = there.trace.find('received', 'INVITE')?.text;
    expect(offered).not.toContain(scene.callerNumber.slice(1));
    expect(offered).toMatch(/^Max-Forwards: 69\r?$/m);
  });

  test.concurrent.each([
    ['P-Asserted-Identity', scenes.asserted],
    ['Remote-Party-ID', scenes.remoteParty],
    ['P-Preferred-Identity', scenes.preferred],
  ] as const)('a trusted carrier names the caller in %s', async (header, scene) => {
    await scene.business('business-refuses');
    const caller = await scene.caller('caller-is-refused', {
      values: {
        STATUS: 486,
        FROM: '<sip:gateway@carrier.example>',
        HEADERS: `${header}: <tel:${scene.callerNumber}>`,
      },
    });
    expectPlayed(await caller.done);
    const call = await expectLost(scene, { lossReason: 'busy' });
    expect(call.caller).toMatchObject({ number: scene.callerNumber, withheld: false });
  });

  test.concurrent('a number is the same number in every notation', async () => {
    const scene = scenes.notations;
    const national = scene.trackingNumber.slice(2);
    const host = `${stage.sip.host}:${stage.sip.port}`;
    const uris = [
      `sip:+7${national}@${host}`,
      `sip:7${national}@${host}`,
      `sip:8${national}@${host}`,
      `sip:007${national}@${host}`,
      `sip:8107${national}@${host}`,
      `sip:%2B7${national}@${host}`,
      `sip:+7${national}@${host};user=phone`,
      `sip:${national};phone-context=+7@${host};user=phone`,
      `sip:+7-${national.slice(0, 3)}-${national.slice(3)}@${host}`,
      `tel:+7${national}`,
      `tel:${national};phone-context=+7`,
    ];
    // A carrier with which one registers dials the contact; the number is in To.
    uris.push(`sip:account@${host}`);
    await scene.business('business-refuses', { calls: uris.length });
    const answers: string[] = [];
    for (const uri of uris) {
      const final = await invite(scene, (message) => message.replace(/^INVITE \S+/, `INVITE ${uri}`));
      answers.push(`${uri} ${final.slice(8, 11)}`);
    }
    expect(answers).toEqual(uris.map((uri) => `${uri} 486`));
    const events = await scene.events(uris.length);
    expect(events.filter((event) => event.type === 'call.missed')).toHaveLength(uris.length);
  });

  test.concurrent('an SDP without audio', async () => {
    const body = plainSdp(scenes.noAudio.carrierAddress).replace(/m=audio[^]*/, 'm=video 7000 RTP/AVP 96\r\n');
    expect(await invite(scenes.noAudio, unchanged, body)).toMatch(/^SIP\/2\.0 488 /);
  });

  test.concurrent('an SDP of 60 kB', async () => {
    const padding = Array.from({ length: 1200 }, (_, i) => `a=x-padding:${String(i).padStart(40, '0')}\r\n`).join('');
    const body = plainSdp(scenes.longSdp.carrierAddress) + padding;
    expect(body.length).toBeGreaterThan(60_000);
    expect(await invite(scenes.longSdp, unchanged, body)).toMatch(/^SIP\/2\.0 (413|513) /);
  });

  test.concurrent('an offer without any codec of ours', async () => {
    const scene = scenes.oneCodec;
    const business = await scene.business('business-answers');
    const body = plainSdp(scene.carrierAddress)
      .replace('RTP/AVP 8 101', 'RTP/AVP 18')
      .replace(/a=rtpmap:8[^]*?a=sendrecv/, 'a=rtpmap:18 G729/8000\r\na=sendrecv');
    expect(await invite(scene, unchanged, body)).toMatch(/^SIP\/2\.0 488 /);
    const call = lastCall(await scene.events());
    expect(call).toMatchObject({ disposition: 'missed', lossReason: 'media_failure' });
    await business.stop();
  });

  test.concurrent('odd but legal: such calls come through', async () => {
    const scene = scenes.odd;
    const sdp = plainSdp(scene.carrierAddress);
    const isup = 'Content-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u0001\u0002';
    const candidates = 'a=candidate:1 1 UDP 2130706431 192.0.2.1 6000 typ host generation 0\r\n'.repeat(200);
    const odd: [string, (message: string) => string, string][] = [
      [
        'folded headers',
        (message) =>
          message
            .replace('From: <', 'From: "Ivan\r\n Petrov"\r\n <')
            .replace('CSeq: 1 INVITE', 'CSeq:\r\n 1\r\n\tINVITE')
            .replace(';rport', '\r\n ;rport'),
        sdp,
      ],
      [
        'SDP and ISUP',
        (message) => message.replace('application/sdp\r\nContent-L', 'multipart/mixed;boundary=b\r\nContent-L'),
        `--b\r\n${isup}\r\n--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n--b--\r\n`,
      ],
      [
        'keys for SRTP beside plain RTP',
        unchanged,
        `${sdp}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${'A'.repeat(40)}\r\n`,
      ],
      // More than drachtio-server can read from us.
      ['14 kB of candidates', unchanged, sdp + candidates],
      ['a name of 3 kB', (message) => message.replace('From: <', `From: "${'x'.repeat(3000)}" <`), sdp],
    ];
    await scene.business('business-refuses', { calls: odd.length });
    const answers: string[] = [];
    for (const [name, change, body] of odd) answers.push(`${name} ${(await invite(scene, change, body)).slice(8, 11)}`);
    expect(answers).toEqual(odd.map(([name]) => `${name} 486`));
    const missed = (await scene.events(odd.length)).filter((event) => event.type === 'call.missed');
    expect(missed.map(({ data }) => data.call.caller.number)).toEqual(odd.map(() => scene.callerNumber));
  });

  test.concurrent('what cannot be done is refused with the reason', async () => {
    const scene = scenes.impossible;
    const sdp = plainSdp(scene.carrierAddress);
    const looped = (message: string): string => message.replace('Max-Forwards: 70', 'Max-Forwards: 0');
    expect(await invite(scene, looped)).toMatch(/^SIP\/2\.0 483 /);
    const require = (message: string): string => message.replace('Max-F', 'Require: 100rel, timer\r\nMax-F');
    expect(await invite(scene, require)).toMatch(/^SIP\/2\.0 420 [^]*\r\nUnsupported: 100rel\r\n/i);
    const xml = (message: string): string => message.replace('application/sdp', 'application/xml');
    expect(await invite(scene, xml, '<offer/>')).toMatch(/^SIP\/2\.0 415 [^]*\r\nAccept: application\/sdp\r\n/i);
    expect(await invite(scene, unchanged, sdp.replace(/c=IN.*\r\n/, ''))).toMatch(/^SIP\/2\.0 488 /);
    expect(await invite(scene, unchanged, sdp.replace('RTP/AVP', 'RTP/SAVP'))).toMatch(/^SIP\/2\.0 488 /);
    const streams = 'm=audio 6002 RTP/AVP 8\r\n'.repeat(150);
    expect(await invite(scene, unchanged, sdp + streams)).toMatch(/^SIP\/2\.0 413 /);
  });

  test.concurrent('%FF, line breaks and emoji where text goes', async () => {
    const scene = scenes.oddText;
    await scene.business('business-refuses');
    const body = plainSdp(scene.carrierAddress).replace('s=-', 's=%FF \u{1F4DE} %0A%0Aapi shutdown');
    const final = await invite(
      scene,
      (message) =>
        message
          .replace('From: <sip:', 'From: "%FF \u{1F6CB} %0D%0Aapi status" <sip:')
          .replace('Max-Forwards: 70', 'Max-Forwards: 70\r\nUser-Agent: \u{1F4F1}%FF%\r\nX-Odd: %'),
      body,
    );
    expect(final).toMatch(/^SIP\/2\.0 486 /);
    await expectLost(scene, { lossReason: 'busy' });
  });

  test.concurrent('what is no SIP at all', async () => {
    const scene = scenes.garbage;
    const caller = await RawSip.open(scene.carrierAddress, 5070);
    try {
      const message = caller.request('INVITE', stage.sip, {
        called: scene.trackingNumber,
        caller: scene.callerNumber,
        callId: 'garbage',
        branch: 'garbage',
        body: plainSdp(scene.carrierAddress),
      });
      const damaged = [
        '',
        '\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
        Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 97) % 256)),
        'INVITE',
        message.replace(/^Call-ID:.*\r\n/m, ''),
        message.replace(/^CSeq:.*\r\n/m, 'CSeq: x INVITE\r\n'),
        message.replace(/^Via:.*\r\n/m, ''),
        message.replace(/^From:.*\r\n/m, 'From: <<<>>>\r\n'),
        message.replace(/^Content-Length:.*\r\n/m, 'Content-Length: 99999\r\n'),
        message.replace(/^Contact:.*\r\n/m, ''),
        // drachtio-server dies of any answer to these.
        ...['*', '<tel:+79160000001>'].map((contact) => message.replace(/^Contact:.*/m, `Contact: ${contact}`)),
        message.slice(0, 100),
      ];
      for (const datagram of damaged) caller.send(datagram, stage.sip);
    } finally {
      caller.close();
    }
    await scene.business('business-refuses');
    const sane = await scene.caller('caller-is-refused', { values: { STATUS: 486 } });
    expectPlayed(await sane.done);
    await expectLost(scene, { lossReason: 'busy' });
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
