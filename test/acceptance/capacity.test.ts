import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { OutgoingCall, Phone } from '../../src/sandbox/phone/index.js';
import { CALLBACK } from '../support/expectations.js';
import { enginesHere } from '../support/engines.js';
import type { Scene, SceneOptions } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { eventually, until } from '../support/until.js';

const CALLERS = 100;
const CHANNELS = 10;
const LINES = 20;
/** For a hundred calls on a machine with other work. */
const LONG_MS = 300_000;

/** A number with ten channels, and twenty lines of one channel each for who finds it full. */
const CROWD: SceneOptions = {
  to: 'destination',
  channels: CHANNELS,
  next: 'overflow',
  nextTargets: LINES,
  nextChannels: 1,
  recording: 'never',
};
/** So many set up at once on a busy machine take their time; nothing of that is measured here. */
const ROOM = {
  limits: { maxCalls: 1000, maxCallsPerSecond: 1000, setupTimeout: '60s' },
  sessionsPerSecond: 1000,
};

/** Every phone of the scene answers at once, without sound. */
async function staffed(scene: Scene): Promise<void> {
  for (const phone of scene.businessAddresses.keys()) await scene.businessPhone({ media: false }, phone);
}

const answered = (calls: OutgoingCall[]): OutgoingCall[] => calls.filter((call) => call.isAnswered && !call.isEnded);

/** The calls of the scene as the webhook heard of them by events of these types. */
function heardOf(stage: Stage, scene: Scene, ...types: string[]): Call[] {
  const events = stage.receiver.events.filter(({ type }) => types.includes(type));
  return events.map(({ data }) => data.call).filter((call) => scene.owns(call));
}

/** The last that the webhook heard of each call of the scene. */
const finals = (stage: Stage, scene: Scene): Call[] =>
  heardOf(stage, scene, 'call.completed', 'call.missed', 'call.rejected');

/** `capacity.…` events of one limit, in the order of their coming. */
const told = (stage: Stage, id: string): string[] =>
  stage.receiver.received.flatMap(({ body, verified }) => {
    const { id: subject, kind } = body.data as { id?: string; kind?: string };
    return verified && body.type.startsWith('capacity.') && kind !== 'trunk' && subject === id ? [body.type] : [];
  });

/** Looks at Redis until `over`; the most channels in use that were seen of each resource. */
async function watchPeaks(stage: Stage, over: () => boolean): Promise<Map<string, number>> {
  const peaks = new Map<string, number>();
  await until(
    'the end of the watch',
    async () => {
      for (const [resource, inUse] of await stage.channelsInUse())
        peaks.set(resource, Math.max(inUse, peaks.get(resource) ?? 0));
      return over();
    },
    LONG_MS,
  );
  return peaks;
}

/** The gateways' connections to Redis. One that gets no answer in time gives its connection up, and counts by itself. */
async function links(stage: Stage): Promise<string[]> {
  const clients = String(await stage.client.client('LIST'));
  return [...clients.matchAll(/^id=(\d+) .*name=calltrack-gw-/gm)].map(([, id = '']) => id).sort();
}

/**
 * A hundred callers in one moment, sent to these gateways by turns; nobody hangs up before all have been served.
 * Where Redis had not answered in time, as on a machine that has too much other work, each gateway keeps the limits by itself:
 * no more is promised then.
 */
async function storm(stage: Stage, scene: Scene, gateways: { host: string; port: number }[]): Promise<void> {
  const before = await links(stage);
  expect(before).toHaveLength(gateways.length);
  await staffed(scene);
  const phone = await scene.callerPhone();
  let over = false;
  const peaks = watchPeaks(stage, () => over);
  const calls = await Promise.all(
    Array.from({ length: CALLERS }, (_, n) => {
      const { host, port } = gateways[n % gateways.length] ?? stage.sip;
      const callerId = `+7916400${String(n).padStart(4, '0')}`;
      return phone.call({ target: `sip:${scene.trackingNumber}@${host}:${port}`, callerId, media: false });
    }),
  );
  const isSettled = (call: OutgoingCall): boolean => call.isAnswered || call.isEnded;
  await until('every caller is served or refused', () => calls.every(isSettled), LONG_MS);
  const isShared = isDeepStrictEqual(await links(stage), before);
  if (isShared) expect(answered(calls)).toHaveLength(CHANNELS + LINES);
  else expect(answered(calls).length).toBeLessThanOrEqual((CHANNELS + LINES) * gateways.length);
  const refusals = await Promise.all(calls.filter((call) => call.isEnded).map((call) => call.ended()));
  expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([486]));
  const [destination = ''] = scene.targetIds;
  if (isShared) expect((await stage.channelsInUse()).get(`destination:${destination}`)).toBe(CHANNELS);
  await Promise.all(answered(calls).map((call) => call.hangUp()));
  await until('every end is told', () => finals(stage, scene).length === CALLERS, LONG_MS);
  over = true;
  const seen = await peaks;
  await stage.expectNothingLeft();
  if (!isShared || !isDeepStrictEqual(await links(stage), before)) {
    process.stdout.write('Redis did not answer in time in the storm: the limits of all together were not looked at\n');
    return;
  }
  expectShares(stage, scene);
  for (const [resource, peak] of seen) {
    if (resource === `destination:${destination}`) expect(peak, resource).toBeLessThanOrEqual(CHANNELS);
    if (resource.startsWith(`line:target-${scene.n}-`)) expect(peak, resource).toBeLessThanOrEqual(1);
  }
  await eventually(() =>
    expect(told(stage, destination)).toEqual(['capacity.high', 'capacity.exhausted', 'capacity.recovered']),
  );
}

function expectShares(stage: Stage, scene: Scene): void {
  const [destination = '', ...lines] = scene.targetIds;
  const calls = finals(stage, scene);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(CALLERS);
  const takenBy = (call: Call): string => call.legs.find(({ result }) => result === 'answered')?.target ?? 'nobody';
  const direct = calls.filter((call) => takenBy(call) === destination);
  const rerouted = calls.filter((call) => lines.includes(takenBy(call)));
  const lost = calls.filter(({ disposition }) => disposition === 'missed');
  expect([direct.length, rerouted.length, lost.length]).toEqual([CHANNELS, LINES, CALLERS - CHANNELS - LINES]);
  expect(new Set(rerouted.map(takenBy)).size).toBe(LINES);
  for (const { overflow } of [...rerouted, ...lost])
    expect(overflow).toEqual({ from: destination, reason: 'no_free_channel' });
  for (const call of lost) {
    expect(call.lossReason).toBe('destination_capacity');
    expect(call.tags).toEqual(CALLBACK);
    expect(call.legs).toHaveLength(1 + LINES);
  }
  expect(direct.every(({ overflow }) => overflow === null)).toBe(true);
}

const alone = await Stage.open();
const crowd = alone.scene(CROWD);
const changing = alone.scene({ to: 'destination', channels: 1, recording: 'never' });
const scarce = alone.scene({ to: 'destination', channels: 1, recording: 'never' });

describe.skipIf(!enginesHere())('the channels of one gateway', () => {
  beforeAll(() => alone.start(ROOM));
  afterAll(() => alone.stop());

  test('a hundred callers at once: ten on the number, twenty on the lines, seventy lost', () =>
    storm(alone, crowd, [alone.sip]));

  const reload = async (
    channels: number,
    more: { number: string; site: string; kind: string }[] = [],
  ): Promise<void> => {
    const { destinations, numbers, ...rest } = alone.configuration();
    const changed = (destinations as { id: string }[]).map((one) =>
      one.id === changing.targetIds[0] ? { ...one, channels } : one,
    );
    await alone.gateway.reload({ ...rest, destinations: changed, numbers: [...(numbers as typeof more), ...more] });
  };

  test('a new limit holds from the next call on, and ends none in progress', async () => {
    await staffed(changing);
    const phone = await changing.callerPhone();
    const dial = (): Promise<OutgoingCall> => phone.call({ ...changing.dialled, media: false });
    const isTaken = async (): Promise<OutgoingCall> => {
      const call = await dial();
      await call.answered();
      return call;
    };
    const isRefused = async (): Promise<void> => expect(await (await dial()).ended()).toMatchObject({ status: 486 });

    const first = await isTaken();
    await isRefused();
    const [number, [{ id: site }]] = ['+74959876543', alone.configuration()['sites'] as [{ id: string }]];
    await reload(2, [{ number, site, kind: 'static' }]);
    // A call to it that comes right behind the reload would be lost otherwise.
    expect(await alone.client.exists(`ct:number:{${number}}`)).toBe(1);
    const second = await isTaken();
    await isRefused();
    await reload(1); // below what is in use
    await isRefused();
    expect([first.isEnded, second.isEnded]).toEqual([false, false]);
    await first.hangUp();
    await until('one is left', async () => {
      return (await alone.channelsInUse()).get(`destination:${changing.targetIds[0] ?? ''}`) === 1;
    });
    await isRefused();
    await second.hangUp();
    await alone.expectNothingLeft();
    await (await isTaken()).hangUp();
    await until('all are told', () => finals(alone, changing).length === 7);
    const limits = finals(alone, changing).filter(({ lossReason }) => lossReason !== null);
    // Events of two calls come in no order of theirs.
    limits.sort((a, b) => a.startedAt.localeCompare(b.startedAt));
    expect(limits.map(({ legs }) => [legs[0]?.channelsInUse, legs[0]?.channelLimit])).toEqual([
      [1, 1],
      [2, 2],
      [2, 1],
      [1, 1],
    ]);
  });

  test('that it is full, and that it no longer is, is told once each', async () => {
    await staffed(scarce);
    const phone = await scarce.callerPhone();
    const talk = await phone.call({ ...scarce.dialled, media: false });
    await talk.answered();
    for (let n = 0; n < 3; n += 1) await (await phone.call({ ...scarce.dialled, media: false })).ended();
    await talk.hangUp();
    const [id = ''] = scarce.targetIds;
    await until('it is told', () => told(alone, id).includes('capacity.recovered'));
    await until('all calls are told', () => finals(alone, scarce).length === 4);
    await alone.expectNothingLeft();
    expect(told(alone, id)).toEqual(['capacity.exhausted', 'capacity.recovered']);
  });
});

const pair = await Stage.open();
const shared = pair.scene(CROWD);
const dying = pair.scene({ to: 'destination', channels: 4, recording: 'never' });

describe.skipIf(!enginesHere())('the channels of two gateways with one Redis', () => {
  let twin: Awaited<ReturnType<Stage['startTwin']>>;
  beforeAll(async () => {
    await pair.start({ ...ROOM, gateway: 'process' });
    twin = await pair.startTwin();
  });
  afterAll(() => pair.stop());

  test('a hundred callers at once on both: ten, twenty and seventy all the same', async () => {
    await storm(pair, shared, [pair.sip, twin.engines.sip]);
    const gateways = finals(pair, shared).map(({ gateway }) => gateway);
    expect(gateways.filter((id) => id === 'gw-twin')).toHaveLength(CALLERS / 2);
  });

  /** One talk on the number over this gateway. */
  async function talkOver(phone: Phone, { host, port }: { host: string; port: number }): Promise<OutgoingCall> {
    const call = await phone.call({ target: `sip:${dying.trackingNumber}@${host}:${port}`, media: false });
    await call.answered();
    return call;
  }

  test('one is killed: its channels are free within 15 s, those of the other never before their talks end, and who takes its place hangs up on its callers', async () => {
    await staffed(dying);
    const phone = await dying.callerPhone();
    const living = [await talkOver(phone, twin.engines.sip), await talkOver(phone, twin.engines.sip)];
    const orphans = [await talkOver(phone, pair.sip), await talkOver(phone, pair.sip)];
    const resource = `destination:${dying.targetIds[0] ?? ''}`;
    const inUse = async (): Promise<number> => (await pair.channelsInUse()).get(resource) ?? 0;
    expect(await inUse()).toBe(4);
    // Written in one step with the dialogs by which a peer hangs up: who dies before leaves it nothing to do so by.
    await until('all four are told of', () => heardOf(pair, dying, 'call.answered').length === 4);
    // What it is sending when it dies is sent again half a minute later: another promise than this test's.
    await until('it sends nothing', async () => (await pair.client.zcard('ct:v1:{calls}:out:crm:backlog')) === 0);
    pair.program.kill('SIGKILL');
    await pair.program.exited;
    const successor = pair.startPeer();
    // By the tokens, and not by this test's clock: a busy machine may look late.
    const [, expiry] = await pair.client.zrange(`ct:v1:{limits}:channel:${resource}`, -1, -1, 'WITHSCORES');
    expect(Number(expiry) - Date.now()).toBeLessThan(15_000);
    await until('the channels of the dead one are free', async () => (await inUse()) === 2);
    // Looked at for longer than a channel lives that nobody renews.
    const watchedUntil = performance.now() + 20_000;
    const least = await watchLeast(inUse, () => performance.now() > watchedUntil);
    expect(least).toBe(2);
    expect(living.map((call) => call.isEnded)).toEqual([false, false]);
    // By the one that is at their drachtio-server: the twin, which looked first, can say no BYE there.
    await successor;
    const ends = await Promise.all(orphans.map((call) => call.ended()));
    expect(ends.map(({ by, how }) => [by, how])).toEqual(orphans.map(() => ['remote', 'bye']));
    const more = await talkOver(phone, twin.engines.sip);
    await Promise.all([...living, more].map((call) => call.hangUp()));
    await until('all are free', async () => (await inUse()) === 0);
    await until('all ends are told', () => finals(pair, dying).length === 5);
    const lost = finals(pair, dying).filter(({ ended }) => ended?.reason === 'gateway_lost');
    expect(lost.map(({ gateway }) => gateway)).toEqual(['gw-test', 'gw-test']);
  });
});

async function watchLeast(count: () => Promise<number>, over: () => boolean): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  await until(
    'the end of the watch',
    async () => {
      least = Math.min(least, await count());
      return over();
    },
    LONG_MS,
  );
  return least;
}
