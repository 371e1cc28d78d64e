import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineKind, enginesHere } from '../support/engines.js';
import { Stage } from '../support/stage.js';
import type { TracedMessage } from '../support/sipp-trace.js';

const stage = await Stage.open();
const scenes = { offered: stage.scene(), lateOffer: stage.scene() };
const { behindNat } = stage.addresses;

/** Where a description asks for sound. */
const connection = (message: TracedMessage | undefined): string[] => message?.text.match(/^c=.*$/gm) ?? [];

/** The stand-ins have one address for everything. */
describe.skipIf(!enginesHere() || engineKind() === 'sandbox')('engines behind NAT', () => {
  beforeAll(() => stage.start({ rtp: behindNat }));
  afterAll(() => stage.stop());

  test.concurrent.each([
    ['an offer', scenes.offered, 'caller-hangs-up'],
    ['a late offer', scenes.lateOffer, 'caller-offers-late'],
  ] as const)('%s: both sides are told the public address for sound', async (_, scene, scenario) => {
    const business = await scene.business('business-answers');
    const caller = await scene.caller(scenario);
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    const expected = [`c=IN IP4 ${behindNat.publicAddress}`];
    expect(connection(heardBack.trace.find('received', '200'))).toEqual(expected);
    expect(connection(there.trace.find('received', 'INVITE'))).toEqual(expected);
    await scene.events();
  });
});
