import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CallEvent } from '../../src/call/ports.js';
import { newPromoCode } from '../../src/leases/promo-code.js';
import { Keys } from '../../src/redis/keys.js';
import { exampleHolder } from '../redis/examples.js';
import { enginesHere } from '../support/engines.js';
import { expectPlayed, expectTalk, lastCall } from '../support/expectations.js';
import { heard } from '../support/hearing.js';
import { optionsStatus } from '../support/options.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const stage = await Stage.open();
const during = stage.scene();
const before = stage.scene();
const returning = stage.scene({ recording: 'never' });

describe.skipIf(!enginesHere())('Redis does not answer', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test('during a call: the call goes on and is told afterwards', async () => {
    const business = await during.business('business-answers');
    const caller = await during.caller('caller-hangs-up', { values: { TALK: 4000 } });
    await stage.receiver.next((event) => event.type === 'call.answered');
    stage.redis.freeze();
    const [heardBack, there] = await Promise.all([caller.done, business.done]);
    stage.redis.thaw();
    expectPlayed(heardBack, there);
    await expectTalk(stage, during, { endedBy: 'caller' });
  });

  test('before a call: it connects by the last known route, and the verdict follows', async () => {
    const known = await before.business('business-refuses');
    const first = await before.caller('caller-is-refused', { values: { STATUS: 486 } });
    expectPlayed(...(await Promise.all([first.done, known.done])));
    await before.events();

    stage.redis.freeze();
    await until('the gateway knows', async () => (await fetch(`${stage.gateway.url}/readyz`)).status === 503);
    expect(await optionsStatus(stage)).toBe('200');
    const business = await before.business('business-answers');
    const caller = await before.caller('caller-hangs-up');
    const results = await Promise.all([caller.done, business.done]);
    stage.redis.thaw();
    expectPlayed(...results);
    const corrected = await stage.receiver.next((event) => event.type === 'call.attribution.corrected');
    expect(corrected.data.call.attribution).toMatchObject({ verdict: 'exact', session: { id: before.sessionId } });
    const received = (await before.events(2)).find(
      (event) => event.type === 'call.received' && event.data.call.id === corrected.data.call.id,
    );
    expect(received?.data.call.attribution.verdict).toBe('deferred');
    expect(received?.data.call.caller).toMatchObject({ firstCall: null, previousCalls: null });
    expect(corrected.data.call.caller).toMatchObject({ firstCall: false, previousCalls: 1 });
  });

  test('before a call of somebody who is known by his phone alone: that follows too', async () => {
    await returning.businessPhone({ media: false });
    const phone = await returning.callerPhone();
    const talk = async (): Promise<void> => {
      const call = await phone.call({ ...returning.dialled, media: false });
      await call.answered();
      await call.hangUp();
    };
    await talk();
    const first = lastCall(await returning.events());
    expect(first.attribution.verdict).toBe('exact');
    const { trackingNumber } = returning;
    await stage.client.del(`ct:lease:{${trackingNumber}}`, `ct:holders:{${trackingNumber}}`);

    stage.redis.freeze();
    await talk();
    stage.redis.thaw();
    const told = (event: CallEvent): boolean =>
      event.type === 'call.attribution.corrected' && returning.owns(event.data.call);
    const { call } = (await stage.receiver.next(told)).data;
    expect(call.attribution).toMatchObject({ verdict: 'returning', session: { id: returning.sessionId } });
    expect(call.caller).toMatchObject({ firstCall: false, previousCalls: 1, lastCallAt: first.startedAt });
    expect(call.tags.map(({ name }) => name)).toEqual(['repeat']);
  });

  // A channel that could not be given back while Redis was away frees itself by its TTL.
  test('nothing is left', () => stage.expectNothingLeft());
});

const narrow = await Stage.open();
const after = narrow.scene({ number: 'static' });

describe.skipIf(!enginesHere())('calls that ended while Redis is away', () => {
  beforeAll(() => narrow.start({ limits: { maxCalls: 1 } }));
  afterAll(() => narrow.stop());

  const isUnwritten = async (calls: number): Promise<boolean> => {
    const page = await (await fetch(`${narrow.gateway.url}/metrics`)).text();
    return [`calls_in_progress 0`, `calls_unwritten ${calls}`].every((line) => page.includes(`calltrack_${line}\n`));
  };

  test('take nobody else his place, and are told when it is back', async () => {
    narrow.redis.freeze();
    const busy = await after.business('business-refuses', { values: { STATUS: '486 Busy Here' } });
    const first = await after.caller('caller-is-refused', { values: { STATUS: '486' } });
    expectPlayed(...(await Promise.all([first.done, busy.done])));
    await until('it waits for Redis', () => isUnwritten(1));
    const business = await after.business('business-answers');
    const second = await after.caller('caller-hangs-up');
    expectPlayed(...(await Promise.all([second.done, business.done])));
    narrow.redis.thaw();
    const ends = (await after.events(2)).filter(({ type }) => /missed|completed/.test(type));
    expect(ends.map(({ type }) => type).toSorted()).toEqual(['call.completed', 'call.missed']);
    await until('nothing waits', () => isUnwritten(0));
  });
});

const emptied = await Stage.open();
const called = emptied.scene({ number: 'static', recording: 'never' });

describe.skipIf(!enginesHere())('Redis is emptied while it is up', () => {
  beforeAll(() => emptied.start());
  afterAll(() => emptied.stop());

  test('the numbers of the configuration are there again, and called', async () => {
    await called.businessPhone({ media: false });
    const page = async () => (await fetch(`${emptied.gateway.url}/metrics`)).text();
    await until('the gateway has looked at it', async () => (await page()).includes('calltrack_webhook_backlog{'));
    await emptied.client.flushall();
    const number = `ct:number:{${called.trackingNumber}}`;
    await until('the number is back', async () => (await emptied.client.exists(number)) === 1);
    const call = await (await called.callerPhone()).call({ ...called.dialled, media: false });
    await call.answered();
    await call.hangUp();
    expect(lastCall(await called.events())).toMatchObject({ attribution: { verdict: 'static' } });
  });
});

const asking = await Stage.open();
const keyed = asking.scene({ number: 'static', more: () => ({ route: { askPromo: true } }) });
const ASKS_HZ = 620;

describe.skipIf(!enginesHere())('a promo code that is keyed in while Redis is away', () => {
  const promo = { announcement: `tone_stream://%(1000,0,${ASKS_HZ})`, timeout: '2s' };
  const site = { id: 'shop', defaultRoute: keyed.routeId, webhooks: ['crm'], promo };
  beforeAll(() => asking.start({ config: { sites: [site] } }));
  afterAll(() => asking.stop());

  test('tells whose call it was when Redis is back, beside the ad that the number stands in', async () => {
    const code = newPromoCode(5);
    const shown = exampleHolder({ site: 'shop', leaseId: 'lease-of-the-code' });
    await asking.client.set(new Keys('ct:').promoCode('shop', code), JSON.stringify(shown));
    asking.redis.freeze();
    await until('the gateway knows', async () => (await fetch(`${asking.gateway.url}/readyz`)).status === 503);
    const there = await keyed.businessPhone();
    const caller = await (await keyed.callerPhone()).call(keyed.dialled);
    await caller.answered();
    await heard(caller, ASKS_HZ);
    await caller.press(code);
    const business = await there.nextCall();
    await business.hangUp();
    await caller.ended();
    asking.redis.thaw();
    const { call } = (
      await asking.receiver.next(
        ({ type, data: { call } }) =>
          type === 'call.attribution.corrected' &&
          call.attribution.verdict === 'promo' &&
          call.caller.firstCall !== null,
      )
    ).data;
    expect(call.attribution).toMatchObject({ leaseId: 'lease-of-the-code', source: { label: 'billboard' } });
    expect(call.caller).toMatchObject({ firstCall: true, previousCalls: 0 });
    const told = (await keyed.events()).filter(({ type }) => type === 'call.received');
    expect(told[0]?.data.call.attribution.verdict).toBe('deferred');
    await asking.expectNothingLeft();
  });
});
