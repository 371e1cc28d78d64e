import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Backlog } from '../../../src/call/backlog.js';
import type { CallDeps } from '../../../src/call/deps.js';
import type { MediaEvent, MediaServer } from '../../../src/call/media-ports.js';
import type { CallChange } from '../../../src/call/ports.js';
import { CallRegistry } from '../../../src/call/registry.js';
import { CallSession } from '../../../src/call/session.js';
import type { DialogEnd, DialogLeg, IncomingInvite } from '../../../src/call/sip-ports.js';
import { newCallId } from '../../../src/lib/ids.js';

/** A call that has been let in, and what is told and kept of it. */
function open() {
  const told: string[] = [];
  const kept: string[] = [];
  const refused: number[] = [];
  const commit = ({ call, events }: CallChange): Promise<void> => {
    told.push(...events.map(({ body }) => JSON.stringify((JSON.parse(body) as { data: { call: unknown } }).data.call)));
    kept.push(JSON.stringify(call));
    return Promise.resolve();
  };
  const deps = {
    sip: { edge: 'an edge' },
    logger: pino({ level: 'silent' }),
    store: { commit },
    channels: { release: () => Promise.resolve() },
    backlog: new Backlog(),
    endpointsFor: () => [],
    metrics: { ended: () => undefined },
    callers: { arrived: () => Promise.resolve() },
  } as unknown as CallDeps;
  const refuse = (status: number) => refused.push(status);
  const invite = {
    sipCallId: 'a',
    onCancel: () => undefined,
    refuse,
  } as unknown as IncomingInvite;
  const caller = { number: null, withheld: true, name: null };
  const call = { id: newCallId(), sipCallId: 'a', gateway: 'gw-1', trunk: 'a', trackingNumber: '+7495', caller };
  const registry = new CallRegistry();
  const session = new CallSession(invite, { ...call, receivedAt: Date.now() }, deps, registry);
  registry.add(session);
  session.call.attribution = { ...session.call.attribution, verdict: 'none' };
  session.introduce();
  return { session, registry, told, kept, refused };
}

it('keeps of a call what was told of its end, though the caller was just being answered', async () => {
  const { session, registry, told, kept } = open();
  session.end({ by: 'business', reason: 'normal' });
  for (let turn = 0; turn < 2; turn += 1) await nextTurn();
  session.engaged('2026-11-21T10:12:05.000Z');
  expect(session.answered('2026-11-21T10:12:05.000Z')).toBe(false);
  await registry.empty();
  expect(kept.at(-1)).toBe(told.at(-1));
});

it('a caller who hears an announcement is let go when FreeSWITCH dies', async () => {
  const { session, registry, refused } = open();
  let tell: (event: MediaEvent) => void = () => expect.fail('nobody listens');
  const server = {
    watch: (_call: string, listener: typeof tell) => {
      tell = listener;
      return () => undefined;
    },
    announce: () => new Promise(() => undefined),
  };
  session.media.use(server as unknown as MediaServer);
  session.end({ by: 'gateway', reason: 'normal', loss: 'busy', announcement: 'busy.wav' });
  await nextTurn();
  expect(refused).toEqual([]);
  tell({ type: 'lost' });
  await registry.empty();
  expect(refused).toEqual([486]);
});

it.each([-3_600_000, 3_600_000])(
  'a clock that is set by %i ms in a talk changes nothing of how long that was',
  async (ms) => {
    const { session, registry } = open();
    session.recording.settle = () => Promise.resolve();
    taken(session);
    session.answered(new Date(session.clock()).toISOString());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
    onTestFinished(() => void vi.useRealTimers());
    session.end({ by: 'caller', reason: 'normal' });
    await registry.empty();
    const { answeredAt, endedAt, durations } = session.call;
    expect(Date.parse(endedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(answeredAt ?? ''));
    expect(durations.talkSeconds).toBeLessThan(3600);
  },
);

/** A business that has taken the call; gives what its BYE does. */
function taken(session: CallSession): () => void {
  session.signalState('connect');
  let hangUp: (end: DialogEnd) => void = () => undefined;
  const leg = { id: 'b', bye: () => Promise.resolve(), onEnd: (listener: typeof hangUp) => (hangUp = listener) };
  session.adopt('business', leg as unknown as DialogLeg);
  return () => hangUp({ by: 'peer', cause: null });
}

const endOf = ({ call: { disposition, lossReason, ended } }: CallSession) => ({ disposition, lossReason, ended });

it('a business that takes the call and hangs up before the caller is answered has declined it', async () => {
  const { session, registry, refused } = open();
  taken(session)();
  await registry.empty();
  expect(endOf(session)).toEqual({
    disposition: 'missed',
    lossReason: 'declined',
    ended: { by: 'business', reason: 'normal', sip: 603 },
  });
  expect(refused).toEqual([603]);
});

it('a business that hangs up while the 200 is on its way to the caller has talked to him', async () => {
  const { session, registry, refused } = open();
  session.recording.settle = () => Promise.resolve();
  const hangUp = taken(session);
  const answer = (): void => {
    session.engaged('2026-11-21T10:12:05.000Z');
    session.answered('2026-11-21T10:12:05.000Z');
    session.adopt('caller', { id: 'a', bye: () => Promise.resolve(), onEnd: () => undefined } as unknown as DialogLeg);
  };
  const answering = session.answering(nextTurn().then(answer));
  hangUp();
  expect(session.ended).toBe(false);
  await answering;
  await registry.empty();
  expect(endOf(session)).toEqual({
    disposition: 'answered',
    lossReason: null,
    ended: { by: 'business', reason: 'normal', sip: 200 },
  });
  expect(refused).toEqual([]);
});

it('and has declined the call where that 200 does not get through', async () => {
  const { session, registry, refused } = open();
  const hangUp = taken(session);
  const answering = session.answering(Promise.reject(new Error('no link')));
  hangUp();
  await expect(answering).rejects.toThrow('no link');
  await registry.empty();
  expect(endOf(session)).toMatchObject({ disposition: 'missed', lossReason: 'declined' });
  expect(refused).toEqual([603]);
});
