import { expect, it } from 'vitest';
import { bridgeSides } from '../../../src/call/bridge-sides.js';
import type { DialogLeg, ReinviteAnswer } from '../../../src/call/sip-ports.js';
import { plainSdp } from '../../support/raw-sip.js';

const TALKING = plainSdp('192.0.2.7');
const HOLDING = `${TALKING}a=sendonly\r\n`;

/** The caller's side of a talk, with a FreeSWITCH that refuses what it is told to; what is told of his holding. */
function open() {
  const told: boolean[] = [];
  let refuses = false;
  let reinvite: (sdp: string) => Promise<ReinviteAnswer> = () => expect.fail('nobody takes re-INVITEs');
  const near = { remoteSdp: TALKING, onReinvite: (handler: typeof reinvite) => (reinvite = handler) };
  const far = {
    remoteSdp: plainSdp('192.0.2.1'),
    onReinvite: () => undefined,
    reinvite: () => (refuses ? Promise.reject(new Error('488')) : Promise.resolve(plainSdp('192.0.2.1'))),
  };
  bridgeSides({
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
  return { told, ask };
}

/** A description with one key, by its tag and its key's first letter. */
const securedBy = (tag: number, letter: string, lifetime = ''): string =>
  plainSdp('192.0.2.7')
    .replace('RTP/AVP', 'RTP/SAVP')
    .concat(`a=crypto:${tag} AES_CM_128_HMAC_SHA1_80 inline:${letter.repeat(40)}${lifetime}\r\n`);

it.each([
  ['the same key under another tag is none to FreeSWITCH, nor is what it says of its own', 'N', securedBy(1, 'F')],
  ['another key reaches FreeSWITCH, and its new one who brought it', 'X', securedBy(1, 'G')],
])('%s', async (_what, key, told) => {
  const offers: string[] = [];
  let reinvite: (sdp: string) => Promise<ReinviteAnswer> = () => expect.fail('nobody takes re-INVITEs');
  bridgeSides({
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
        return Promise.resolve(securedBy(1, 'G'));
      },
    } as unknown as DialogLeg,
  });
  const answer = await reinvite(`${securedBy(1, key)}a=sendonly\r\n`);
  expect(answer).toHaveProperty('sdp', told.replace('o=raw 1 1 ', 'o=raw 1 2 '));
  expect(offers).toEqual([`${key === 'N' ? securedBy(7, 'N', '|2^31') : securedBy(1, key)}a=sendonly\r\n`]);
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
