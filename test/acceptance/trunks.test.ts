import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DigestVerifier } from '../../src/sandbox/sip/index.js';
import { Carrier } from '../support/carrier.js';
import { enginesHere } from '../support/engines.js';
import { CALLBACK, expectLost, expectPlayed, expectTalk } from '../support/expectations.js';
import { headerValue, plainSdp, RawSip, viaOf } from '../support/raw-sip.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const KEY = 'only-for-this-test';
const stage = await Stage.open();
const scenes = {
  failover: stage.scene({ to: 'destination' }),
  overflow: stage.scene({ to: 'destination', next: 'overflow' }),
  overflowAmongDead: stage.scene({ to: 'destination', next: 'overflow' }),
  identity: stage.scene({ to: 'destination' }),
  health: stage.scene({ to: 'destination' }),
  looksDown: stage.scene({ to: 'destination', next: 'unreachable', recording: 'never' }),
  drained: stage.scene(),
  targetsDrained: stage.scene({ to: 'destination', next: 'unreachable' }),
  narrow: stage.scene(),
  asks: stage.scene(),
  announced: stage.scene({ announcement: 'tone_stream://%(5000,0,440)' }),
};
const addresses = {
  full: stage.addresses.business(),
  dead: stage.addresses.business(),
  policy: stage.addresses.business(),
  watched: stage.addresses.business(),
};

const trunkOf = (scene: (typeof scenes)['failover']): string => `trunk-${scene.targetIds[0] ?? ''}`;
const uri = (address: string | undefined): string => `sip:${address ?? ''}:5060`;

const trunks = [
  { id: 'carrier', inbound: { from: [stage.addresses.carrierRange] } },
  { id: 'narrow', channels: 1, inbound: { from: [scenes.narrow.carrierAddress] } },
  {
    id: 'asks',
    inbound: { from: [scenes.asks.carrierAddress] },
    outbound: { to: 'sip:192.0.2.1', auth: { username: 'gw', password: 's3cret' } },
  },
  { id: 'announced', inbound: { channels: 1, from: [scenes.announced.carrierAddress] } },
  {
    id: trunkOf(scenes.failover),
    outbound: {
      to: [
        { uri: uri(addresses.full), priority: 1 },
        { uri: uri(scenes.failover.businessAddresses[0]), priority: 2 },
      ],
    },
  },
  {
    id: trunkOf(scenes.targetsDrained),
    outbound: { to: uri(scenes.targetsDrained.businessAddresses[0]) },
  },
  { id: trunkOf(scenes.overflow), outbound: { to: uri(scenes.overflow.businessAddresses[0]) } },
  {
    id: trunkOf(scenes.overflowAmongDead),
    outbound: {
      to: [
        { uri: uri(scenes.overflowAmongDead.businessAddresses[0]), priority: 1 },
        { uri: uri(addresses.dead), priority: 2 },
      ],
    },
  },
  {
    id: trunkOf(scenes.identity),
    outbound: {
      to: uri(addresses.policy),
      callerId: '+74950000001',
      assertedIdentity: true,
      diversion: true,
      numbers: { format: 'national', prefix: '9' },
      codecs: ['PCMU'],
    },
  },
  {
    id: trunkOf(scenes.health),
    outbound: { to: uri(addresses.watched) },
    health: { options: '200ms', down: 2, up: 2, ramp: '1s' },
  },
  {
    id: trunkOf(scenes.looksDown),
    outbound: { to: uri(scenes.looksDown.businessAddresses[0]) },
    health: { options: '200ms', down: 2, up: 2 },
  },
];

const access = {
  keys: [
    { name: 'ops', hash: createHash('sha256').update(KEY).digest('hex'), scopes: ['trunks:read', 'trunks:write'] },
  ],
};

async function api(path: string, init: { method?: string; body?: string } = {}): Promise<unknown> {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const response = await fetch(`${stage.gateway.url}/v1/${path}`, { ...init, headers });
  expect(response.status).toBe(200);
  return response.json();
}

/** What the webhook was told of a trunk, in order. */
const told = (trunk: string): string[] =>
  stage.receiver.received.flatMap(({ body, verified }) => {
    const data = (body as { data?: { trunk?: string; reason?: string } }).data;
    return verified && data?.trunk === trunk ? [`${body.type} ${data.reason ?? ''}`] : [];
  });

async function ask(method: 'OPTIONS' | 'INVITE', from: string): Promise<string> {
  const caller = await RawSip.open(from, 5070);
  try {
    const callId = `ask-${Math.random().toString(36).slice(2)}`;
    const parts = { called: scenes.drained.trackingNumber, caller: '+79160000001', callId, branch: callId };
    const body = method === 'INVITE' ? plainSdp(from) : '';
    caller.send(caller.request(method, stage.sip, { ...parts, body }), stage.sip);
    // The address is asked from more than once.
    const final = await caller.received(new RegExp(`^SIP/2\\.0 [2-6][^]*${callId}`));
    const toTag = /;tag=(\S+)/.exec(headerValue(final, 'To') ?? '')?.[1] ?? '';
    if (method === 'INVITE') caller.send(caller.request('ACK', stage.sip, { ...parts, toTag }), stage.sip);
    return final;
  } finally {
    caller.close();
  }
}

describe.skipIf(!enginesHere())('trunks', () => {
  beforeAll(() => stage.start({ config: { trunks, access } }));
  afterAll(() => stage.stop());

  test('a full gateway hands the call to the next one, and is left alone for as long as it asks', async () => {
    const scene = scenes.failover;
    const full = await Carrier.open(addresses.full);
    full.invites = 503;
    full.headers = { 'Retry-After': '60' };
    const business = await scene.business('business-answers', { calls: 2 });
    expectPlayed(await (await scene.caller('caller-hangs-up')).done);
    const call = await expectTalk(stage, scene, { endedBy: 'caller' });
    expect(call.legs).toMatchObject([
      { result: 'capacity', sip: 503, via: `${addresses.full}:5060` },
      { result: 'answered', via: `${scene.businessAddresses[0] ?? ''}:5060` },
    ]);
    expectPlayed(await (await scene.caller('caller-hangs-up')).done, await business.done);
    expect(full.asked.INVITE).toHaveLength(1);
  });

  test.each([
    ['alone', scenes.overflow, ['capacity'], ['capacity']],
    ['beside a dead one', scenes.overflowAmongDead, ['capacity', 'unreachable'], ['unreachable', 'capacity']],
  ] as const)(
    'a full gateway %s asks to be left alone: the calls overflow meanwhile',
    async (_, scene, first, then) => {
      const full = await Carrier.open(scene.businessAddresses[0] ?? '');
      full.invites = 503;
      full.headers = { 'Retry-After': '60' };
      if (first.length > 1) (await Carrier.open(addresses.dead)).invites = 500;
      const line = await scene.business('business-answers', { calls: 2 }, 1);
      for (let call = 1; call <= 2; call += 1) expectPlayed(await (await scene.caller('caller-hangs-up')).done);
      expectPlayed(await line.done);
      const talks = (await scene.events(2)).flatMap(({ type, data }) => (type === 'call.completed' ? [data.call] : []));
      expect(talks.map(({ legs }) => legs.map(({ result }) => result))).toEqual([
        [...first, 'answered'],
        [...then, 'answered'],
      ]);
      expect(talks[1]?.legs[then.length - 1]).toMatchObject({ result: 'capacity', sip: null });
      for (const { overflow } of talks)
        expect(overflow).toEqual({ from: scene.targetIds[0], reason: 'far_end_capacity' });
      expect(full.asked.INVITE).toHaveLength(1);
    },
  );

  test('the carrier is told of the caller, the number and the codecs as it wants it', async () => {
    const scene = scenes.identity;
    const carrier = await Carrier.open(addresses.policy);
    carrier.invites = 486;
    expectPlayed(await (await scene.caller('caller-is-refused', { values: { STATUS: '486' } })).done);
    const [invite = expect.fail('not dialled')] = carrier.asked.INVITE;
    expect(invite.uri).toMatch(/^sip:98495320\d+@/);
    expect(invite.headers.get('From')).toContain('<sip:84950000001@');
    expect(invite.headers.get('P-Asserted-Identity')).toContain(`<sip:8${scene.callerNumber.slice(2)}@`);
    expect(invite.headers.get('Diversion')).toContain(`<sip:8${scene.trackingNumber.slice(2)}@${addresses.policy}>`);
    expect(invite.body).toMatch(/^m=audio \d+ RTP\/AVP 0( 101)?\r$/m);
  });

  test('who asks for a digest in the dialog of a caller whom he has brought gets it, and lets go', async (context) => {
    const scene = scenes.asks;
    const verifier = new DigestVerifier('carrier', (name) => (name === 'gw' ? 's3cret' : undefined));
    const business = await scene.businessPhone();
    const carrier = await RawSip.open(scene.carrierAddress);
    context.onTestFinished(() => carrier.close());
    const verdicts: string[] = [];
    carrier.onMessage((message) => {
      const [method = ''] = message.split(' ', 1);
      if (method !== 'INFO' && method !== 'BYE') return;
      const verdict = verifier.verify(headerValue(message, 'Proxy-Authorization') ?? '', method);
      verdicts.push(`${method} ${verdict}`);
      const [status, headers] =
        verdict === 'ok' ? ['200 OK', []] : ['407 Who?', [`Proxy-Authenticate: ${verifier.challenge()}`]];
      carrier.send(carrier.response(status, message, { toTag: 'c', headers }), viaOf(message));
    });
    const dialog = { called: scene.trackingNumber, caller: scene.callerNumber, callId: 'asks', branch: 'asks' };
    const offer = { ...dialog, body: plainSdp(carrier.address) };
    carrier.send(carrier.request('INVITE', stage.sip, offer), stage.sip);
    const toTag = /;tag=(\S+)/.exec(headerValue(await carrier.received(/^SIP\/2\.0 200 /), 'To') ?? '')?.[1] ?? '';
    carrier.send(carrier.request('ACK', stage.sip, { ...dialog, toTag }), stage.sip);
    const talk = await business.nextCall();
    await talk.press('5', 'info');
    await carrier.received(/^INFO [^]*Signal=5/);
    await talk.hangUp();
    await scene.events();
    expect(verdicts).toEqual(['INFO wrong', 'INFO ok', 'BYE wrong', 'BYE ok']);
  });

  test('a carrier that is silent is passed over; its going and coming is told', async () => {
    const scene = scenes.health;
    const trunk = trunkOf(scene);
    const [down, up] = ['trunk.down options', 'trunk.up options'];
    await until('it is told down', () => told(trunk).length > 0);
    expectPlayed(await (await scene.caller('caller-is-refused', { values: { STATUS: '480' } })).done);
    // Rather than the call is lost it is tried after all; nobody is there indeed.
    const call = await expectLost(scene, { lossReason: 'unreachable', legs: ['unreachable', 'unreachable'] });
    expect(call.legs).toMatchObject([
      { sip: null, obstacle: 'down' },
      { sip: null, obstacle: null },
    ]);
    const carrier = await Carrier.open(addresses.watched);
    await until('it is told up', () => told(trunk).at(-1) === up);
    carrier.options = 'silent';
    await until('it is told down again', () => told(trunk).at(-1) === down);
    // By turns: where the machine was too slow for its answers, it was down in between.
    expect(told(trunk)).toEqual(told(trunk).map((_, i) => [down, up][i % 2]));
    expect(carrier.asked.INVITE).toHaveLength(0);
    const metrics = await (await fetch(`${stage.gateway.url}/metrics`)).text();
    expect(metrics).toContain(`calltrack_trunk_up{trunk="${trunk}"} 0`);
    expect(metrics).toContain('calltrack_trunk_up{trunk="carrier"} 1');
  });

  test('a carrier that takes calls and refuses OPTIONS: dialled once all else was tried, before the call is lost', async () => {
    const scene = scenes.looksDown;
    const [office = '', line = ''] = scene.targetIds;
    const carrier = await scene.businessPhone({ media: false });
    carrier.stack.on('request', (transaction) => transaction.respond(503));
    await scene.businessPhone({ media: false, ring: false, refuse: { status: 486 } }, 1);
    await until('it is told down', () => told(trunkOf(scene)).at(-1) === 'trunk.down options');
    const caller = await (await scene.callerPhone()).call({ ...scene.dialled, media: false });
    await caller.answered();
    await caller.hangUp();
    const { legs } = await scene.call();
    expect(legs.map(({ target, step, result, obstacle, sip }) => [target, step, result, obstacle, sip])).toEqual([
      [office, 1, 'unreachable', 'down', null],
      [line, 2, 'busy', null, 486],
      [office, 1, 'answered', null, 200],
    ]);
    expect(carrier.calls).toHaveLength(1);
  });

  test('a drained trunk brings no new calls, and keeps those it has', async () => {
    const scene = scenes.drained;
    const other = stage.addresses.carrier();
    const { caller, business } = await scene.talk();
    await api('trunks/carrier/drain', { method: 'PUT', body: '{"draining": true}' });
    const refused = await ask('INVITE', other);
    expect(refused).toMatch(/^SIP\/2\.0 503 /);
    expect(headerValue(refused, 'Retry-After')).toBe('5');
    expect(await ask('OPTIONS', other)).toMatch(/^SIP\/2\.0 503 /);
    expect(await ask('OPTIONS', stage.addresses.stranger())).toMatch(/^SIP\/2\.0 403 /);
    expect([caller.isEnded, business.isEnded]).toEqual([false, false]);
    await caller.hangUp();
    expect(await business.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(await scene.call()).toMatchObject({
      ended: { by: 'caller', reason: 'normal' },
      recording: { status: 'ready' },
    });
    await api('trunks/carrier/drain', { method: 'PUT', body: '{"draining": false}' });
    expect(await ask('OPTIONS', other)).toMatch(/^SIP\/2\.0 200 /);
    await until('both are told', () => told('carrier').length === 2);
    expect(told('carrier')).toEqual(['trunk.down drain', 'trunk.up drain']);
  });

  test('a drained destination or line is not dialled, and the route goes on', async () => {
    const scene = scenes.targetsDrained;
    const [office = '', line = ''] = scene.targetIds;
    const drain = (path: string, draining: boolean) =>
      api(`${path}/drain`, { method: 'PUT', body: JSON.stringify({ draining }) });
    await drain(`destinations/${office}`, true);
    const phone = await scene.business('business-answers', {}, 1);
    expectPlayed(await (await scene.caller('caller-hangs-up')).done, await phone.done);
    const drained = async () =>
      (await (await fetch(`${stage.gateway.url}/metrics`)).text()).match(
        `calltrack_line_drained{line="${line}"} (.)`,
      )?.[1];
    expect(await drained()).toBe('0');
    await drain(`lines/${line}`, true);
    expect(await drained()).toBe('1');
    expectPlayed(await (await scene.caller('caller-is-refused', { values: { STATUS: '480' } })).done);
    // Nobody asked for a channel of it either: reports would count that.
    expect(await api(`destinations/${office}`)).toMatchObject({ draining: true, channels: { peakToday: 0 } });
    await drain(`destinations/${office}`, false);
    const trunk = await scene.business('business-answers');
    expectPlayed(await (await scene.caller('caller-hangs-up')).done, await trunk.done);
    const ended = (await scene.events(3)).flatMap(({ type, data }) =>
      type === 'call.completed' || type === 'call.missed' ? [data.call] : [],
    );
    expect(ended.map(({ legs }) => legs.map(({ target, result, sip }) => [target, result, sip]))).toEqual([
      [
        [office, 'unreachable', null],
        [line, 'answered', 200],
      ],
      [
        [office, 'unreachable', null],
        [line, 'unreachable', null],
      ],
      [[office, 'answered', 200]],
    ]);
    await drain(`lines/${line}`, false);
  });

  test('one channel for both directions together: the second call is lost, and it is said for what', async () => {
    const scene = scenes.narrow;
    await scene.businessPhone({ media: false });
    const phone = await scene.callerPhone();
    const first = await phone.call({ ...scene.dialled, media: false });
    await first.answered();
    const second = await phone.call({ ...scene.dialled, media: false });
    expect(await second.ended()).toMatchObject({ status: 486 });
    await first.hangUp();
    const lost = (await scene.events(2)).find(({ type }) => type === 'call.missed')?.data.call;
    expect(lost).toMatchObject({ trunk: 'narrow', lossReason: 'trunk_capacity' });
    expect(lost?.tags).toEqual(CALLBACK);
  });

  test('who hears why nobody takes his call has his channel until he is refused', async () => {
    const scene = scenes.announced;
    await scene.businessPhone({ ring: false, refuse: { status: 486 } });
    const phone = await scene.callerPhone();
    const first = await phone.call(scene.dialled);
    expect(await first.ringing()).toMatchObject({ status: 183 });
    await stage.receiver.next(({ type, data }) => type === 'call.missed' && scene.owns(data.call));
    const second = await phone.call({ ...scene.dialled, media: false });
    expect(await second.ended()).toMatchObject({ status: 486 });
    expect(first.isEnded).toBe(false);
    expect(await first.ended()).toMatchObject({ status: 486 });
    const lost = (await scene.events(2)).flatMap(({ type, data }) => (type === 'call.missed' ? [data.call] : []));
    expect(lost.map(({ lossReason }) => lossReason)).toEqual(['busy', 'trunk_capacity']);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
