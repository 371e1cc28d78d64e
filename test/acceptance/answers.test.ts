import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { headerValue, plainSdp, RawSip, viaOf } from '../support/raw-sip.js';
import { Stage } from '../support/stage.js';
import type { Scene } from '../support/scene.js';
import { until } from '../support/until.js';

const stage = await Stage.open();

const scenes = {
  forked: stage.scene(),
  answersBriefly: stage.scene(),
  twoAnswers: stage.scene(),
  forkedEarly: stage.scene(),
  forkedBriefly: stage.scene(),
  enclosed: stage.scene(),
};

/** The business by raw SIP, and how much of the caller's sound comes to `port`. */
async function openBusiness({ businessAddresses }: Scene, port: number) {
  const business = await RawSip.open(businessAddresses[0] ?? '');
  const ear = createSocket('udp4').bind(port, business.address);
  const heard = { packets: 0 };
  ear.on('message', () => (heard.packets += 1));
  const close = (): void => {
    ear.close();
    business.close();
  };
  return { business, heard, close };
}

describe.skipIf(!enginesHere())('where a business wants its sound', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test.concurrent.each([
    ['not where it rang from', scenes.forked, 7100],
    ['without saying again where', scenes.answersBriefly, null],
  ] as const)('a business that answers %s hears the caller', async (_, scene, answersAt) => {
    const { business, heard, close } = await openBusiness(scene, answersAt ?? 7000);
    business.onMessage((message) => {
      if (message.startsWith('ACK ')) return;
      const rings = { toTag: 'early', body: plainSdp(business.address, 7000) };
      const body = message.startsWith('INVITE ') && answersAt !== null ? plainSdp(business.address, answersAt) : '';
      const toTag = answersAt === null ? 'early' : 'fork';
      const to = viaOf(message);
      if (message.startsWith('INVITE ')) business.send(business.response('183 Session Progress', message, rings), to);
      business.send(business.response('200 OK', message, { toTag, body }), to);
    });
    try {
      const caller = await (await scene.callerPhone()).call(scene.dialled);
      await caller.answered();
      await until('the caller is heard', () => heard.packets > 20);
      await caller.hangUp();
      expect(lastCall(await scene.events())).toMatchObject({ disposition: 'answered', legs: [{ result: 'answered' }] });
    } finally {
      close();
    }
  });

  test.concurrent.each([
    ['the one that answers', scenes.forkedEarly, true],
    ['the one that answers without saying again where', scenes.forkedBriefly, false],
  ] as const)('of two forks that sound, %s hears the caller', async (_, scene, again) => {
    const { business, heard, close } = await openBusiness(scene, 7000);
    business.onMessage((message) => {
      if (message.startsWith('ACK ')) return;
      const say = (status: string, toTag: string, port?: number): void => {
        const body = port === undefined ? '' : plainSdp(business.address, port);
        business.send(business.response(status, message, { toTag, body }), viaOf(message));
      };
      if (!message.startsWith('INVITE ')) {
        say('200 OK', 'answers');
        return;
      }
      say('183 Session Progress', 'answers', 7000);
      say('183 Session Progress', 'rings', 7100);
      setTimeout(() => say('200 OK', 'answers', again ? 7000 : undefined), 300);
    });
    try {
      const caller = await (await scene.callerPhone()).call(scene.dialled);
      await caller.answered();
      heard.packets = 0;
      await until('the caller is heard', () => heard.packets > 50, 20_000);
      await caller.hangUp();
      await scene.events();
    } finally {
      close();
    }
  });

  test.concurrent('a carrier that encloses ISUP in its answers hears the caller', async () => {
    const scene = scenes.enclosed;
    const { business, heard, close } = await openBusiness(scene, 7000);
    business.onMessage((message) => {
      if (message.startsWith('ACK ')) return;
      const parts = [
        'application/isup\r\n\r\n\u0001\u0002',
        `application/sdp\r\n\r\n${plainSdp(business.address, 7000)}`,
      ];
      const body = `${parts.map((part) => `--b\r\nContent-Type: ${part}\r\n`).join('')}--b--\r\n`;
      for (const status of message.startsWith('INVITE ') ? ['183 Session Progress', '200 OK'] : []) {
        const answer = business.response(status, message, { toTag: 'b', body });
        business.send(
          answer.replace('application/sdp\r\nContent-L', 'multipart/mixed;boundary=b\r\nContent-L'),
          viaOf(message),
        );
      }
      if (!message.startsWith('INVITE '))
        business.send(business.response('200 OK', message, { toTag: 'b' }), viaOf(message));
    });
    try {
      const caller = await (await scene.callerPhone()).call(scene.dialled);
      expect((await caller.answered())?.body).toContain('m=audio');
      await until('the caller is heard', () => heard.packets > 20);
      await caller.hangUp();
      expect(lastCall(await scene.events()).legs).toMatchObject([{ result: 'answered' }]);
    } finally {
      close();
    }
  });

  test.concurrent(
    'a proxy that forks and of which two answer: the first has the call, the second hears of nothing',
    async () => {
      const scene = scenes.twoAnswers;
      const business = await RawSip.open(scene.businessAddresses[0] ?? '');
      const tags = ['first', 'second'];
      let repeats = 0;
      business.onMessage((message) => {
        if (message.startsWith('ACK ')) return;
        const to = viaOf(message);
        const body = message.startsWith('INVITE ') ? plainSdp(business.address) : '';
        const say = (status: string, toTag: string): void =>
          business.send(business.response(status, message, { toTag, body: status === '200 OK' ? body : '' }), to);
        if (!message.startsWith('INVITE ')) say('200 OK', 'first');
        else {
          for (const tag of tags) say('180 Ringing', tag);
          for (const tag of tags) say('200 OK', tag);
          repeating = setInterval(() => {
            say('200 OK', 'second');
            repeats += 1;
          }, 500);
        }
      });
      let repeating: NodeJS.Timeout | undefined;
      try {
        const caller = await (await scene.callerPhone()).call(scene.dialled);
        await caller.answered();
        await until('it has been repeated', () => repeats >= 6);
        await caller.hangUp();
        expect(lastCall(await scene.events())).toMatchObject({
          disposition: 'answered',
          legs: [{ result: 'answered' }],
        });
        const told = business.messages.map((message) => [
          message.slice(0, message.indexOf(' ')),
          /;tag=(\S+)/.exec(headerValue(message, 'To') ?? '')?.[1],
        ]);
        // What the second repeats drachtio-server takes for the first one's answer, behind its BYE as well.
        const acks = told.filter(([method]) => method === 'ACK');
        expect(acks.length).toBeGreaterThan(1);
        expect(acks).toEqual(acks.map(() => ['ACK', 'first']));
        expect(told.filter(([method]) => method !== 'ACK')).toEqual([
          ['INVITE', undefined],
          ['BYE', 'first'],
        ]);
      } finally {
        clearInterval(repeating);
        business.close();
      }
    },
  );

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
