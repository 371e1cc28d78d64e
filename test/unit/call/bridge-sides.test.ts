import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino, type Logger } from 'pino';
import { expect, it } from 'vitest';
import { bridgeSides } from '../../../src/call/bridge-sides.js';
import type { DialogLeg, ReinviteAnswer } from '../../../src/call/sip-ports.js';
import { plainSdp } from '../../support/raw-sip.js';

const TALKING = plainSdp('192.0.2.7');
const HOLDING = `${TALKING}a=sendonly\r\n`;

/** The caller's side of a talk, with a FreeSWITCH that refuses what it is told to; what is told of his holding. */
function open() {
  const told: boolean[] = [];
  const offered: string[] = [];
  let refuses = false;
  let reinvite: (sdp: string) => Promise<ReinviteAnswer> = () => expect.fail('nobody takes re-INVITEs');
  const near = { remoteSdp: TALKING, onReinvite: (handler: typeof reinvite) => (reinvite = handler) };
  const far = {
    remoteSdp: plainSdp('192.0.2.1'),
    onReinvite: () => undefined,
    reinvite: (sdp: string) => {
      offered.push(sdp);
      return refuses ? Promise.reject(new Error('488')) : Promise.resolve(plainSdp('192.0.2.1'));
    },
  };
  bridgeSides({
    logger: pino({ level: 'silent' }),
    near: { ...near, onAckSdp: () => undefined } as unknown as DialogLeg,
    far: far as unknown as DialogLeg,
    onHold: (held) => {
      told.push(held);
      return Promise.resolve();
    },
  });
  const ask = async (sdp: string, refused = false): Promise<number> => {
    refuses = refused;
    const answer = await reinvite(sdp);
    return 'status' in answer ? answer.status : 200;
  };
  return { told, offered, ask, reinvite: (sdp: string) => reinvite(sdp) };
}

/** A description with one key, by its tag and its key's first letter. */
const securedBy = (tag: number, letter: string, lifetime = ''): string =>
  plainSdp('192.0.2.7')
    .replace('RTP/AVP', 'RTP/SAVP')
    .concat(`a=crypto:${tag} AES_CM_128_HMAC_SHA1_80 inline:${letter.repeat(40)}${lifetime}\r\n`);

/** The business's side of a talk by SRTP, with a FreeSWITCH that answers its offers in turn as `answers` says; what it got. */
function openSecured(answers: string[]) {
  const offers: string[] = [];
  let reinvite: (sdp: string) => Promise<ReinviteAnswer> = () => expect.fail('nobody takes re-INVITEs');
  bridgeSides({
    logger: pino({ level: 'silent' }),
    near: {
      remoteSdp: securedBy(7, 'N', '|2^31'),
      onReinvite: (handler: typeof reinvite) => (reinvite = handler),
      onAckSdp: () => undefined,
    } as unknown as DialogLeg,
    far: {
      remoteSdp: securedBy(7, 'F'),
      onReinvite: () => undefined,
      reinvite: (sdp: string) => {
        offers.push(sdp);
        return Promise.resolve(answers[offers.length - 1] ?? expect.fail('asked too often'));
      },
    } as unknown as DialogLeg,
  });
  return { offers, reinvite };
}

const nextVersion = (sdp: string): string => sdp.replace('o=raw 1 1 ', 'o=raw 1 2 ');

it('the same key under another tag is none to FreeSWITCH, nor is what it says of its own', async () => {
  const { offers, reinvite } = openSecured([securedBy(1, 'G')]);
  expect(await reinvite(`${securedBy(1, 'N')}a=sendonly\r\n`)).toEqual({ sdp: nextVersion(securedBy(1, 'F')) });
  expect(offers).toEqual([`${securedBy(7, 'N', '|2^31')}a=sendonly\r\n`]);
});

it.each([
  ['FreeSWITCH sends by what it says', [securedBy(1, 'G')], [securedBy(1, 'X')], 'G'],
  [
    'FreeSWITCH says twice by what it does not send',
    [securedBy(7, 'O'), securedBy(7, 'P'), securedBy(3, 'G')],
    [securedBy(1, 'X'), securedBy(2, 'X'), securedBy(3, 'X')],
    'G',
  ],
])('another key, where %s', async (_what, answers, brought, told) => {
  const { offers, reinvite } = openSecured([...answers, securedBy(1, 'H')]);
  // Under the tag of FreeSWITCH's own choice nobody could tell.
  expect(await reinvite(securedBy(7, 'X'))).toEqual({ sdp: nextVersion(securedBy(7, told)) });
  expect(offers).toEqual(brought);
  // And from now on that is the one that FreeSWITCH knows.
  await reinvite(`${securedBy(9, 'X')}a=sendonly\r\n`);
  expect(offers.at(-1)).toBe(`${brought.at(-1) ?? ''}a=sendonly\r\n`);
});

it('who says again what he has said is answered what he was told, and FreeSWITCH hears nothing of it', async () => {
  const { offered, reinvite } = open();
  expect(await reinvite(TALKING)).toEqual({ sdp: plainSdp('192.0.2.1') });
  expect(offered).toEqual([]);
  // Says FreeSWITCH the same, nothing new is told: the same version of it.
  expect(await reinvite(HOLDING)).toEqual({ sdp: plainSdp('192.0.2.1') });
  expect(await reinvite(HOLDING)).toEqual({ sdp: plainSdp('192.0.2.1') });
  expect(offered).toEqual([HOLDING]);
});

it('who offers sound at an address of the other family is refused, and FreeSWITCH hears nothing of it', async () => {
  const { told, offered, ask } = open();
  expect(await ask(HOLDING.replaceAll('IN IP4 192.0.2.7', 'IN IP6 2001:db8::7'))).toBe(488);
  expect([told, offered]).toEqual([[], []]);
});

it('who offers in the clear in a talk that is encrypted is refused, and FreeSWITCH hears nothing of it', async () => {
  const { offers, reinvite } = openSecured([]);
  expect(await reinvite(plainSdp('192.0.2.7'))).toEqual({ status: 488 });
  expect(offers).toEqual([]);
});

it('who is refused to hold does not hold', async () => {
  const { told, ask } = open();
  expect(await ask(HOLDING, true)).toBe(488);
  expect(told).toEqual([true, false]);
});

it('who is refused to take up the talk still holds', async () => {
  const { told, ask } = open();
  expect(await ask(HOLDING)).toBe(200);
  expect(await ask(TALKING, true)).toBe(488);
  expect(told).toEqual([true, false, true]);
  expect(await ask(TALKING)).toBe(200);
  expect(told).toEqual([true, false, true, false]);
});

it.each([
  ['answers by the same key', ['A', 'A', 'A', 'A'], 1, []],
  ['changes it once more', ['A', 'B', 'B', 'B'], 2, []],
  [
    'changes it each time',
    ['A', 'B', 'C', 'D'],
    3,
    ['FreeSWITCH and who talks by it could not agree on where the sound goes'],
  ],
])(
  'who brings another key in his ACK is told by which one FreeSWITCH sends: he %s',
  async (_what, keys, times, warned) => {
    const told: string[] = [];
    const warnings: string[] = [];
    let acknowledge: (sdp: string) => void = () => expect.fail('nobody takes ACKs');
    let asked = 0;
    const settled = new Promise<void>((resolve) => {
      bridgeSides({
        logger: {
          warn: (_fields: unknown, message: string) => {
            warnings.push(message);
            resolve();
          },
        } as unknown as Logger,
        near: {
          remoteSdp: securedBy(7, 'N'),
          onReinvite: () => undefined,
          onAckSdp: (listener: typeof acknowledge) => (acknowledge = listener),
          reinvite: (sdp: string) => {
            told.push(/inline:(.)/.exec(sdp)?.[1] ?? '');
            if (told.length === times && warned.length === 0) setImmediate(resolve);
            return Promise.resolve(securedBy(7, keys[told.length] ?? expect.fail('told too often')));
          },
        } as unknown as DialogLeg,
        far: {
          remoteSdp: securedBy(7, 'F'),
          onReinvite: () => undefined,
          reinvite: () => Promise.resolve(securedBy(1, 'GHIJ'.charAt(asked++))),
        } as unknown as DialogLeg,
      });
    });
    acknowledge(securedBy(7, keys[0] ?? ''));
    await settled;
    expect(told.join('')).toBe('GHI'.slice(0, times));
    expect(warnings).toEqual(warned);
  },
);

it.each([
  ['in the clear in a talk that is encrypted', securedBy(7, 'N'), plainSdp('192.0.2.7')],
  ['by an address of the other family', TALKING, TALKING.replaceAll('IN IP4 192.0.2.7', 'IN IP6 2001:db8::7')],
])('FreeSWITCH hears nothing of an ACK that answers %s', async (_what, talking, answered) => {
  let acknowledge: (sdp: string) => void = () => expect.fail('nobody takes ACKs');
  const offers: string[] = [];
  bridgeSides({
    logger: pino({ level: 'silent' }),
    near: {
      remoteSdp: talking,
      onReinvite: () => undefined,
      onAckSdp: (listener: typeof acknowledge) => (acknowledge = listener),
    } as unknown as DialogLeg,
    far: {
      remoteSdp: talking,
      onReinvite: () => undefined,
      reinvite: (sdp: string) => {
        offers.push(sdp);
        return Promise.resolve(talking);
      },
    } as unknown as DialogLeg,
  });
  acknowledge(answered);
  await nextTurn();
  expect(offers).toEqual([]);
});
