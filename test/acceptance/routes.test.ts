import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { AnswerScript, OutgoingCall, Phone } from '../../src/sandbox/phone/index.js';
import { enginesHere } from '../support/engines.js';
import { expectLost, lastCall } from '../support/expectations.js';
import { RawSip } from '../support/raw-sip.js';
import type { Scene, SceneOptions } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { BUSINESS_HZ } from '../support/wav.js';

const ACCOUNT = { username: 'agent', password: 'a password' };
const OURS = { username: 'calltrack', password: 'not the one they know' };
const CLOSED = { during: 'closed' };
const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const weekly = Object.fromEntries(WEEK.map((day) => [day, ['00:00-24:00']]));
const today = Date.now();
/** A run over midnight shall not find it open. */
const holidays = [-1, 0, 1].map((days) => new Date(today + days * 86_400_000).toISOString().slice(0, 10));
const TONE = 'tone_stream://%(500,0,440)';

const ANSWERS: AnswerScript = { media: false };
const RINGS: AnswerScript = { media: false, answerAfterMs: 'never' };
const BUSY: AnswerScript = { media: false, ring: false, refuse: { status: 486 } };
const ELSEWHERE = { how: 'cancel', reason: expect.stringContaining('Call completed elsewhere') as string };

const stage = await Stage.open();
const cast = (options: SceneOptions): Scene => stage.scene({ recording: 'never', ...options });
const together: SceneOptions = { more: () => ({ first: { strategy: 'all-at-once' } }) };
/** Both steps dial the first phone. */
const again = (route: Record<string, unknown>): Scene =>
  cast({ next: 'always', more: (dial) => ({ next: { dial }, route }) });
const scenes = {
  together: cast({ ...together, targets: 3 }),
  sameMoment: Array.from({ length: 3 }, () => cast({ ...together, targets: 2 })),
  roundRobin: cast({ targets: 3, more: () => ({ first: { strategy: 'round-robin' } }) }),
  leastRecent: cast({ targets: 2, more: () => ({ first: { strategy: 'least-recent' } }) }),
  closedNext: cast({ next: 'always', more: () => ({ first: CLOSED }) }),
  closed: cast({ more: () => ({ first: CLOSED }) }),
  closedAnnounce: cast({
    more: (dial) => ({ route: { steps: [{ dial, ...CLOSED }, { announce: TONE }] } }),
  }),
  routeFor: cast({ next: 'always', more: () => ({ route: { for: '3s' } }) }),
  whenBusy: cast({ next: 'busy' }),
  whenNoAnswer: cast({ for: '3s', next: 'no-answer' }),
  whenUnreachable: cast({ next: 'unreachable' }),
  otherwise: cast({ next: 'overflow' }),
  refusedOnce: again({}),
  refusedTwice: again({ retryRefused: true }),
  refusedAgain: cast({
    next: 'busy',
    more: ([first, second]) => ({
      route: { steps: [{ dial: [first] }, { dial: [first] }, { dial: [second], when: 'busy' }] },
    }),
  }),
  earlyMedia: cast({ next: 'always' }),
  earlyMediaGateway: cast({ to: 'destination' }),
  unheard: cast({ next: 'busy' }),
  ringsInstead: cast({ to: 'destination', next: 'busy' }),
  silentGateway: cast({ to: 'destination' }),
  busyGateway: cast({ to: 'destination' }),
  lateGateway: cast({ to: 'destination', more: () => ({ route: { for: '9s' } }) }),
  wrongPassword: cast({ to: 'destination', next: 'unreachable', auth: OURS }),
  registered: cast({ more: () => ({ line: { register: ACCOUNT } }) }),
  registeredSameMoment: cast({ more: () => ({ line: { register: { ...ACCOUNT, username: 'twins' } } }) }),
  unregistered: cast({ next: 'unreachable', more: () => ({ line: { register: { ...ACCOUNT, username: 'away' } } }) }),
  unregisteredTwice: cast({
    channels: 1,
    next: 'unreachable',
    nextChannels: 2,
    more: () => ({ line: { register: { ...ACCOUNT, username: 'nobody' } } }),
  }),
  shown: cast({
    more: () => ({ line: { display: 'source', headers: { 'X-Session': 'session.id', 'X-Word': 'keyword' } } }),
  }),
  comesBack: cast({ to: 'destination', next: 'unreachable' }),
  reroute: cast({ to: 'destination', next: 'overflow' }),
};
const second = {
  silent: stage.addresses.business(),
  busy: stage.addresses.business(),
  late: stage.addresses.business(),
  afterEarlyMedia: stage.addresses.business(),
};

/** The trunks of two scenes have a second gateway; the destination of another one has the number that its callers dial. */
function configuration(): Record<string, unknown> {
  const trunk = (scene: Scene, address: string) => ({
    id: `trunk-${scene.targetIds[0] ?? ''}`,
    outbound: {
      to: [scene.businessAddresses[0] ?? '', address].map((host, i) => ({ uri: `sip:${host}:5060`, priority: i + 1 })),
    },
  });
  const two = [
    trunk(scenes.silentGateway, second.silent),
    trunk(scenes.busyGateway, second.busy),
    trunk(scenes.lateGateway, second.late),
    trunk(scenes.earlyMediaGateway, second.afterEarlyMedia),
  ];
  const [wrongPassword] = scenes.wrongPassword.configuration().trunks;
  const [reroute] = scenes.reroute.configuration().trunks;
  const [ringsInstead] = scenes.ringsInstead.configuration().trunks;
  const rings = { ...ringsInstead, outbound: { ...(ringsInstead?.['outbound'] as object), earlyMedia: 'ring' } };
  const comesBack = scenes.comesBack.configuration();
  const plain = [
    scenes.silentGateway,
    scenes.busyGateway,
    scenes.wrongPassword,
    scenes.reroute,
    scenes.ringsInstead,
    scenes.lateGateway,
    scenes.earlyMediaGateway,
  ];
  return {
    trunks: [
      { id: 'carrier', inbound: { from: [stage.addresses.carrierRange] } },
      ...two,
      wrongPassword,
      reroute,
      rings,
      ...comesBack.trunks,
    ],
    destinations: [
      ...plain.flatMap((scene) => scene.configuration().destinations),
      ...comesBack.destinations.map((destination) => ({ ...destination, number: scenes.comesBack.trackingNumber })),
    ],
    schedules: [{ id: 'closed', weekly, holidays }],
  };
}

/** A caller of this scene who dials; nobody hears anything. */
async function dial(scene: Scene, from?: Phone): Promise<OutgoingCall> {
  return await (from ?? (await scene.callerPhone())).call({ ...scene.dialled, media: false });
}

/** What the caller of this scene is told at last, when nobody answers him. */
const refusal = async (scene: Scene): Promise<number> => (await (await dial(scene)).ended()).status;

/** A call that is taken and hung up at once; the call as last told. */
async function served(scene: Scene, from?: Phone, calls = 1): Promise<Call> {
  const caller = await dial(scene, from);
  await caller.answered();
  await caller.hangUp();
  return lastCall(await scene.events(calls));
}

const results = ({ legs }: Call) => legs.map(({ result }) => result);

/** Registers a phone of this line at an address of its own. */
async function registered(username: string, answers: AnswerScript): Promise<Phone> {
  const phone = await stage.phone({ host: stage.addresses.business(), port: 5060, user: username, answers });
  const { host, port } = stage.sip;
  const registrar = `sip:${host}:${port}`;
  const { status } = await phone.register({ registrar, credentials: { ...ACCOUNT, username } });
  expect(status).toBe(200);
  return phone;
}

/** Both pick up in the same tick: one has the caller, the other one is hung up. */
async function raceOf(scene: Scene, phones: Phone[]): Promise<void> {
  const caller = await dial(scene);
  const rung = await Promise.all(phones.map((phone) => phone.nextCall()));
  await Promise.all(rung.map((call) => call.ringing()));
  for (const call of rung) call.pickUp();
  await caller.answered();
  await until('one is hung up', () => rung.filter((call) => call.isEnded).length === 1);
  const [loser] = rung.filter((call) => call.isEnded);
  expect(await loser?.ended()).toMatchObject({ by: 'remote', how: 'bye' });
  expect(caller.isEnded).toBe(false);
  await caller.hangUp();
  const ends = await Promise.all(rung.map((call) => call.ended()));
  expect(ends.map(({ by, how }) => `${by} ${how}`)).toEqual(['remote bye', 'remote bye']);
  const call = lastCall(await scene.events());
  expect(results(call).sort()).toEqual(['answered', 'cancelled']);
}

describe.skipIf(!enginesHere())('routes', () => {
  beforeAll(() => stage.start({ config: configuration() }));
  afterAll(() => stage.stop());

  test.concurrent('all at once: the first to answer has the call, the others are told so', async () => {
    const scene = scenes.together;
    const phones = await Promise.all([0, 1, 2].map((n) => scene.businessPhone(RINGS, n)));
    const caller = await dial(scene);
    const rung = await Promise.all(phones.map((phone) => phone.nextCall()));
    await Promise.all(rung.map((call) => call.ringing()));
    rung[1]?.pickUp();
    await caller.answered();
    expect(await rung[0]?.ended()).toMatchObject(ELSEWHERE);
    expect(await rung[2]?.ended()).toMatchObject(ELSEWHERE);
    await caller.hangUp();
    expect(await rung[1]?.ended()).toMatchObject({ how: 'bye', by: 'remote' });
    expect(results(lastCall(await scene.events()))).toEqual(['cancelled', 'answered', 'cancelled']);
  });

  test.concurrent.each(scenes.sameMoment)('two answer in the same moment: one talk, one BYE ($n)', async (scene) => {
    await raceOf(scene, [await scene.businessPhone(RINGS, 0), await scene.businessPhone(RINGS, 1)]);
  });

  test.concurrent('round-robin: each has its turn', async () => {
    const scene = scenes.roundRobin;
    for (const n of [0, 1, 2]) await scene.businessPhone(ANSWERS, n);
    const phone = await scene.callerPhone();
    const takers: (string | undefined)[] = [];
    for (const n of [1, 2, 3, 4]) takers.push((await served(scene, phone, n)).legs[0]?.target);
    const [a, b, c] = scene.targetIds;
    expect(takers).toEqual([a, b, c, a]);
  });

  test.concurrent('least recent: who has had no call for longest', async () => {
    const scene = scenes.leastRecent;
    await scene.businessPhone(ANSWERS, 0);
    const other = await scene.businessPhone(BUSY, 1);
    const phone = await scene.callerPhone();
    const tried: (string | undefined)[] = [];
    for (const n of [1, 2, 3, 4]) {
      if (n === 3) other.answers = ANSWERS;
      tried.push((await served(scene, phone, n)).legs[0]?.target);
    }
    const [a, b] = scene.targetIds;
    expect(tried).toEqual([a, b, b, a]); // busy is no call taken
  });

  test.concurrent('a step that is closed is passed over', async () => {
    const scene = scenes.closedNext;
    const closed = await scene.businessPhone(ANSWERS, 0);
    await scene.businessPhone(ANSWERS, 1);
    const call = await served(scene);
    expect(call.legs).toMatchObject([{ target: scene.targetIds[1], step: 2, result: 'answered' }]);
    expect(call.overflow).toBeNull();
    expect(closed.calls).toHaveLength(0);
  });

  test.concurrent('everything is closed: lost for the schedule', async () => {
    expect(await refusal(scenes.closed)).toBe(480);
    await expectLost(scenes.closed, { lossReason: 'schedule', legs: [] });
  });

  test.concurrent('closed, and told so: the announcement comes before the refusal', async () => {
    const scene = scenes.closedAnnounce;
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await caller.ringing()).toMatchObject({ status: 183 });
    expect(await caller.ended()).toMatchObject({ status: 480 });
    await expectLost(scene, { lossReason: 'schedule', legs: [] });
  });

  test.concurrent('the route as a whole rings no longer than it may', async () => {
    const scene = scenes.routeFor;
    await scene.businessPhone(RINGS, 0);
    const next = await scene.businessPhone(ANSWERS, 1);
    expect(await refusal(scene)).toBe(480);
    const types = ['call.received', 'call.ringing', 'call.missed'];
    await expectLost(scene, { lossReason: 'no_answer', legs: ['no_answer'], types });
    expect(next.calls).toHaveLength(0);
  });

  test.concurrent.each([
    ['busy', scenes.whenBusy, BUSY, 'busy'],
    ['no answer', scenes.whenNoAnswer, RINGS, 'no_answer'],
    ['unreachable', scenes.whenUnreachable, { ...BUSY, refuse: { status: 500 } }, 'unreachable'],
  ] as const)('%s: the step for it takes the call', async (_, scene, script, result) => {
    await scene.businessPhone(script, 0);
    await scene.businessPhone(ANSWERS, 1);
    expect(results(await served(scene))).toEqual([result, 'answered']);
  });

  test.concurrent('a step for another reason is not taken', async () => {
    const scene = scenes.otherwise;
    await scene.businessPhone(BUSY, 0);
    const next = await scene.businessPhone(ANSWERS, 1);
    expect(await refusal(scene)).toBe(486);
    await expectLost(scene, { lossReason: 'busy', legs: ['busy'] });
    expect(next.calls).toHaveLength(0);
  });

  test.concurrent.each([
    ['never', scenes.refusedOnce, 1],
    ['only where the route says so', scenes.refusedTwice, 2],
  ] as const)('who answered busy is rung again %s', async (_, scene, times) => {
    const busy = await scene.businessPhone(BUSY, 0);
    await scene.businessPhone(ANSWERS, 1);
    expect(results(await served(scene))).toEqual([...Array.from({ length: times }, () => 'busy'), 'answered']);
    expect(busy.calls).toHaveLength(times);
  });

  test.concurrent(
    'a step in which all have refused already is passed over, and what came before it still counts',
    async () => {
      const scene = scenes.refusedAgain;
      const busy = await scene.businessPhone(BUSY, 0);
      await scene.businessPhone(ANSWERS, 1);
      expect(results(await served(scene))).toEqual(['busy', 'answered']);
      expect(busy.calls).toHaveLength(1);
    },
  );

  /** Until a test has it refuse: where both come at once, the refusal may be all that a caller gets. */
  const plays = { ring: { status: 183, earlyToneHz: BUSINESS_HZ }, answerAfterMs: 'never' } as const;

  test.concurrent('who has heard the business is not quietly passed on', async () => {
    const scene = scenes.earlyMedia;
    const business = await scene.businessPhone(plays, 0);
    const next = await scene.businessPhone(ANSWERS, 1);
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await caller.ringing()).toMatchObject({ status: 183 });
    (await business.nextCall()).refuse(486);
    expect(await caller.ended()).toMatchObject({ status: 486 });
    const types = ['call.received', 'call.ringing', 'call.missed'];
    await expectLost(scene, { lossReason: 'busy', legs: ['busy'], types });
    expect(next.calls).toHaveLength(0);
  });

  test.concurrent('nor to another gateway of the carrier that he has heard', async () => {
    const scene = scenes.earlyMediaGateway;
    const business = await scene.businessPhone(plays);
    const other = await stage.phone({ host: second.afterEarlyMedia, port: 5060, answers: ANSWERS });
    const caller = await (await scene.callerPhone()).call(scene.dialled);
    expect(await caller.ringing()).toMatchObject({ status: 183 });
    (await business.nextCall()).refuse(503);
    expect(await caller.ended()).toMatchObject({ status: 486 });
    const types = ['call.received', 'call.ringing', 'call.missed'];
    await expectLost(scene, { lossReason: 'destination_capacity', legs: ['capacity'], types });
    expect(other.calls).toHaveLength(0);
  });

  test.concurrent.each([
    ['by a caller without an offer', scenes.unheard, { lateOffer: true }],
    ['where the trunk is to ring', scenes.ringsInstead, {}],
  ])('early media is not heard %s: the next step is tried', async (_, scene, more) => {
    const business = await scene.businessPhone(plays, 0);
    await scene.businessPhone({ toneHz: BUSINESS_HZ }, 1);
    const caller = await (await scene.callerPhone()).call({ ...scene.dialled, ...more });
    expect(await caller.ringing()).toMatchObject({ status: 180 });
    (await business.nextCall()).refuse(486);
    await caller.answered();
    await caller.hangUp();
    expect(results(lastCall(await scene.events()))).toEqual(['busy', 'answered']);
  });

  test.concurrent('a gateway of the carrier without a word: the next one has the call', async () => {
    const scene = scenes.silentGateway;
    const silent = await RawSip.open(scene.businessAddresses[0] ?? '');
    await stage.phone({ host: second.silent, port: 5060, answers: ANSWERS });
    const call = await served(scene);
    silent.close();
    expect(call.legs).toMatchObject([
      { result: 'unreachable', sip: null, via: `${silent.address}:5060` },
      { result: 'answered', via: `${second.silent}:5060` },
    ]);
  });

  test.concurrent(
    'what a silent gateway has cost, the next one does not ring: the caller is told in time',
    async () => {
      const scene = scenes.lateGateway;
      const silent = await RawSip.open(scene.businessAddresses[0] ?? '');
      await stage.phone({ host: second.late, port: 5060, answers: RINGS });
      expect(await refusal(scene)).toBe(480);
      silent.close();
      const types = ['call.received', 'call.ringing', 'call.missed'];
      const call = await expectLost(scene, { lossReason: 'no_answer', legs: ['unreachable', 'no_answer'], types });
      expect(call.legs.map(({ sip }) => sip)).toEqual([null, null]);
    },
  );

  test.concurrent('busy behind one gateway is busy behind the other', async () => {
    const scene = scenes.busyGateway;
    await scene.businessPhone(BUSY);
    const other = await stage.phone({ host: second.busy, port: 5060, answers: ANSWERS });
    expect(await refusal(scene)).toBe(486);
    await expectLost(scene, { lossReason: 'busy', legs: ['busy'] });
    expect(other.calls).toHaveLength(0);
  });

  test.concurrent('a number of Redis that is a destination: its calls ring lines, and do not go round', async () => {
    const scene = scenes.comesBack;
    const carrier = await scene.businessPhone(ANSWERS, 0);
    await scene.businessPhone(ANSWERS, 1);
    expect(results(await served(scene))).toEqual(['unreachable', 'answered']);
    expect(carrier.calls).toEqual([]);
  });

  test.concurrent('a wrong password: one challenge, one answer, then the next step', async () => {
    const scene = scenes.wrongPassword;
    const challenge = 'Digest realm="carrier.example", nonce="once", algorithm=MD5, qop="auth"';
    const refuse = { status: 407, headers: { 'Proxy-Authenticate': challenge } };
    const carrier = await scene.businessPhone({ media: false, ring: false, refuse }, 0);
    await scene.businessPhone(ANSWERS, 1);
    const call = await served(scene);
    expect(results(call)).toEqual(['failed', 'answered']);
    const invites = [await carrier.nextCall(), await carrier.nextCall()].map(({ invite }) =>
      invite.headers.get('Proxy-Authorization'),
    );
    expect(carrier.calls).toHaveLength(2);
    expect(invites).toEqual([undefined, expect.stringContaining('username="calltrack"')]);
  });

  test.concurrent('a line that registers with us: all its phones ring, the first to answer has the call', async () => {
    const scene = scenes.registered;
    const [desk, mobile] = [await registered('agent', RINGS), await registered('agent', RINGS)];
    const caller = await dial(scene);
    const [there, elsewhere] = [await mobile.nextCall(), await desk.nextCall()];
    there.pickUp();
    await caller.answered();
    expect(await elsewhere.ended()).toMatchObject(ELSEWHERE);
    await caller.hangUp();
    const { legs } = lastCall(await scene.events());
    expect(legs.map(({ via, result }) => `${via ?? ''} ${result ?? ''}`).sort()).toEqual(
      [`${desk.host}:5060 cancelled`, `${mobile.host}:5060 answered`].sort(),
    );
  });

  test.concurrent('two phones of one line answer in the same moment', async () => {
    await raceOf(scenes.registeredSameMoment, [await registered('twins', RINGS), await registered('twins', RINGS)]);
  });

  test.concurrent('a line at which no phone is registered is not dialled; the next step is', async () => {
    const scene = scenes.unregistered;
    await scene.businessPhone(ANSWERS, 1);
    const call = await served(scene);
    expect(call.legs).toMatchObject([{ result: 'not_registered', sip: null }, { result: 'answered' }]);
  });

  test.concurrent(
    'such a line takes no channel: who calls in the same moment is not told that it is full',
    async () => {
      const scene = scenes.unregisteredTwice;
      await scene.businessPhone(ANSWERS, 1);
      const from = await scene.callerPhone();
      const callers = await Promise.all([dial(scene, from), dial(scene, from)]);
      for (const caller of callers) await caller.answered();
      for (const caller of callers) await caller.hangUp();
      const ends = (await scene.events(2)).filter(({ type }) => type === 'call.completed');
      const both = ['not_registered', 'answered'];
      expect(ends.map(({ data }) => results(data.call))).toEqual([both, both]);
      expect(ends.map(({ data }) => data.call.legs[0]?.channelsInUse)).toEqual([0, 0]);
    },
  );

  test.concurrent('the phone shows where the caller comes from, and is told of the visit', async () => {
    const scene = scenes.shown;
    const phone = await scene.businessPhone(ANSWERS);
    await served(scene);
    const { headers } = (await phone.nextCall()).invite;
    expect(headers.get('From')).toContain(`"yandex / divany" <sip:${scene.callerNumber}@`);
    expect(headers.get('X-Session')).toBe(scene.sessionId);
    expect(headers.get('X-Word')).toBe('купить диван');
  });

  // By itself, for its figure: the refusal leaves one phone and the INVITE reaches the other, by one clock.
  test('the cost of a reroute is told', async () => {
    const scene = scenes.reroute;
    const full = await scene.businessPhone({ ...BUSY, refuse: { status: 503 } }, 0);
    const line = await scene.businessPhone(ANSWERS, 1);
    const phone = await scene.callerPhone();
    const costs: number[] = [];
    for (let n = 1; n <= 7; n += 1) {
      expect(results(await served(scene, phone, n))).toEqual(['capacity', 'answered']);
      const [refused, rung] = [await full.nextCall(), await line.nextCall()];
      costs.push(rung.timings.inviteMs - (refused.timings.endedMs ?? Number.NaN));
    }
    const [best, median, worst] = costs.toSorted((a, b) => a - b).filter((_, i) => i % 3 === 0);
    const told = [best, median, worst].map((ms) => (ms ?? Number.NaN).toFixed(1)).join(' / ');
    process.stdout.write(`reroute on ${stage.engines.kind} engines, best / median / worst of 7: ${told} ms\n`);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
