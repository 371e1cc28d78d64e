import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { scaledTimers } from '../../src/sandbox/sip/index.js';
import { enginesHere } from '../support/engines.js';
import { expectPlayed, expectTalk } from '../support/expectations.js';
import { plainSdp, RawSip } from '../support/raw-sip.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { newSelfSigned, selfSigned } from '../support/tls.js';
import { until } from '../support/until.js';

const stage = await Stage.open();
const scenes = {
  line: stage.scene({ transport: 'tls' }),
  destination: stage.scene({ transport: 'tls', to: 'destination' }),
  closed: stage.scene({ transport: 'tls', to: 'destination', next: 'unreachable' }),
  notTls: stage.scene({ transport: 'tls', to: 'destination', next: 'unreachable' }),
  strange: stage.scene({ transport: 'tls', to: 'destination', next: 'unreachable' }),
  mixed: stage.scene(),
  secureOnly: stage.scene(),
};

const carriers = Object.values(scenes).filter((scene) => scene !== scenes.secureOnly);
const trunks = [
  { id: 'carrier', inbound: { from: carriers.map(({ carrierAddress }) => carrierAddress) } },
  { id: 'secure', inbound: { from: [scenes.secureOnly.carrierAddress], transport: 'tls' } },
  ...carriers.flatMap((scene) => scene.configuration().trunks),
];

/** What an INVITE or OPTIONS by UDP is answered. */
async function askByUdp(method: 'INVITE' | 'OPTIONS', from: string): Promise<string> {
  const raw = await RawSip.open(from, method === 'INVITE' ? 5070 : 5072);
  onTestFinished(() => raw.close());
  const parts = { called: scenes.secureOnly.trackingNumber, caller: '+79160000001', callId: method, branch: method };
  raw.send(raw.request(method, stage.sip, { ...parts, body: method === 'INVITE' ? plainSdp(from) : '' }), stage.sip);
  return await raw.received(/^SIP\/2\.0 [2-6]/);
}

/** A call whose first step cannot be reached, and whose second one answers. */
async function goesOn(scene: Scene): Promise<void> {
  const second = await scene.businessPhone({}, 1);
  const call = await (await scene.callerPhone()).call(scene.dialled);
  await second.nextCall();
  await call.answered();
  await call.hangUp();
  expect((await scene.call()).legs[0]).toMatchObject({ result: 'unreachable', sip: null });
}

describe.skipIf(!enginesHere())('SIP over TLS', () => {
  beforeAll(() => stage.start({ verifyTls: true, config: { trunks } }));
  afterAll(() => stage.stop());

  test.each([
    ['a line', scenes.line],
    ['a destination', scenes.destination],
  ])('from the carrier and to %s: both talk, the business hangs up', async (_what, scene) => {
    const { caller, business } = await scene.talk();
    expect(business.invite.topVia?.transport).toBe('TLS');
    // `sips` would have the far end refuse to answer over a hop behind it that is not TLS.
    expect(business.invite.contact?.uri).toBe(`sip:calltrack@${stage.sips.host}:${stage.sips.port};transport=tls`);
    const answer = await caller.answered();
    expect(answer?.contact?.uri).toBe(`sip:calltrack@${stage.sips.host}:${stage.sips.port};transport=tls`);
    await until('a talk long enough to listen to', () => caller.media.heardSamples > 24_000);
    await business.hangUp();
    expect(await caller.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    await expectTalk(stage, scene, { endedBy: 'business' });
  });

  test('of the carrier alone: the business is rung by UDP', async () => {
    const scene = scenes.mixed;
    const business = await scene.business('business-answers');
    const { host, port } = stage.sips;
    const phone = await stage.phone({ host: scene.carrierAddress, tls: selfSigned(), user: scene.callerNumber });
    const call = await phone.call({
      ...scene.dialled,
      target: `sip:${scene.trackingNumber}@${host}:${port};transport=tls`,
    });
    await call.answered();
    await call.hangUp();
    expectPlayed(await business.done);
    await scene.events();
  });

  test('a port where nobody listens: the call goes on with the next step', async () => {
    const scene = scenes.closed;
    const second = await scene.businessPhone({}, 1);
    const call = await (await scene.callerPhone()).call(scene.dialled);
    await second.nextCall();
    await call.answered();
    await call.hangUp();
    const { legs } = await scene.call();
    expect(legs.map(({ result, sip }) => [result, sip])).toEqual([
      ['unreachable', null],
      ['answered', 200],
    ]);
  });

  test('a certificate of nobody whom we trust: the call goes on with the next step', async () => {
    const scene = scenes.strange;
    const [host = ''] = scene.businessAddresses;
    const stranger = await stage.phone({ host, port: 5060, tls: { ...newSelfSigned(), port: 5061 } });
    await goesOn(scene);
    expect(stranger.calls).toEqual([]);
  });

  test('a caller with such a certificate does not get as far as a call', async () => {
    const { host, port } = stage.sips;
    const from = { host: stage.addresses.carrier(), tls: newSelfSigned(), timers: scaledTimers(0.05) };
    const call = await (await stage.phone(from)).call({ target: `sip:x@${host}:${port};transport=tls` });
    expect([408, 503]).toContain((await call.ended()).status);
  });

  test('a port where something else than TLS is spoken: the call goes on with the next step', async () => {
    const scene = scenes.notTls;
    const other = createServer((socket) => socket.end('no TLS here'));
    other.listen(5061, scene.businessAddresses[0]);
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    await goesOn(scene);
  });

  test('who is to come by TLS is refused by UDP, and nothing is told of it', async () => {
    const scene = scenes.secureOnly;
    expect(await askByUdp('OPTIONS', scene.carrierAddress)).toMatch(/^SIP\/2\.0 403 /);
    expect(await askByUdp('INVITE', scene.carrierAddress)).toMatch(/^SIP\/2\.0 403 /);
    const metrics = await (await fetch(`${stage.gateway.url}/metrics`)).text();
    expect(metrics).toContain('calltrack_invites_refused_total{reason="transport"} 1');
    const business = await scene.businessPhone();
    const phone = await stage.phone({ host: scene.carrierAddress, tls: selfSigned(), user: scene.callerNumber });
    const { host, port } = stage.sips;
    const call = await phone.call({
      ...scene.dialled,
      target: `sip:${scene.trackingNumber}@${host}:${port};transport=tls`,
    });
    await business.nextCall();
    await call.answered();
    await call.hangUp();
    expect((await scene.events()).filter(({ type }) => type === 'call.received')).toHaveLength(1);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
