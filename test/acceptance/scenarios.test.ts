import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AddressBlock } from '../support/addresses.js';
import { expectPlayed, talkSeconds } from '../support/expectations.js';
import { Sipp } from '../support/sipp.js';

/** The scenarios against each other, with nothing in between: what they find in a call is then not their own fault. */
describe('SIPp scenarios', () => {
  let addresses: AddressBlock;
  beforeAll(async () => {
    addresses = await AddressBlock.claim();
  });
  afterAll(() => addresses.release());

  test.concurrent.each<[caller: string, business: string, transport: 'udp' | 'tcp', statuses: number[]]>([
    ['caller-hangs-up', 'business-answers', 'udp', [180, 200]],
    ['caller-hangs-up', 'business-answers', 'tcp', [180, 200]],
    ['caller-stays', 'business-hangs-up', 'udp', [180, 200]],
    ['caller-hangs-up', 'business-sounds-early', 'udp', [183, 200]],
    ['caller-holds', 'business-answers-changes', 'udp', [180, 200]],
    ['caller-refreshes', 'business-answers-changes', 'udp', [180, 200]],
    ['caller-is-refused', 'business-refuses', 'udp', [486]],
    ['caller-cancels-ringing', 'business-is-cancelled', 'udp', [180, 487]],
    ['caller-cancels-early', 'business-is-cancelled', 'udp', [487]],
  ])('%s, %s, %s', async (callerScenario, businessScenario, transport, statuses) => {
    const host = addresses.business();
    const values = { TALK: 300, STATUS: callerScenario === 'caller-is-refused' ? 486 : '486 Busy Here' };
    const business = await Sipp.start({
      scenario: businessScenario,
      address: host,
      transport,
      values: { TALK: 300, PROGRESS: callerScenario === 'caller-cancels-early' ? '100 Trying' : '180 Ringing' },
    });
    const remote = { host, port: 5060 };
    const caller = await Sipp.start({
      scenario: callerScenario,
      address: addresses.carrier(),
      remote,
      transport,
      values,
    });
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    expectPlayed(heardBack, there);
    expect(heardBack.trace.received('INVITE')).toEqual(statuses);
    if (statuses.includes(200)) expect(talkSeconds(heardBack)).toBeGreaterThan(0.25);
  });
});
