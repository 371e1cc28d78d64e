import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { CallDeps } from '../../../src/call/deps.js';
import type { LineContact } from '../../../src/call/ports.js';
import type { CallSession } from '../../../src/call/session.js';
import type { InviteOutcome, InviteRequest, OutgoingInvite } from '../../../src/call/sip-ports.js';
import { closeDocument } from '../../../src/call/document.js';
import { TargetAttempt, type Obstacle } from '../../../src/call/target-attempt.js';
import { configSchema } from '../../../src/config/schema.js';
import { systemClock } from '../../../src/lib/clock.js';
import { resolveTarget } from '../../../src/routing/targets.js';
import { exampleCall } from '../../redis/examples.js';
import { plainSdp } from '../../support/raw-sip.js';

const CONTACT: LineContact = { uri: 'sip:sales@192.0.2.7', proxy: null };
const config = configSchema.parse({
  trunks: [
    {
      id: 'carrier',
      inbound: { from: ['192.0.2.1'] },
      outbound: { to: ['sip:192.0.2.2', 'sip:192.0.2.3'].map((uri) => ({ uri })) },
    },
  ],
  destinations: [{ id: 'office', trunk: 'carrier', number: '+74951230000' }],
  lines: [{ id: 'sales', register: { username: 'sales', password: 'a password' } }],
  routes: [{ id: 'main', steps: [{ dial: ['sales'] }] }],
  sites: [{ id: 'divan', defaultRoute: 'main' }],
});

function later<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve: (value: T) => resolve(value) };
}

/** A line whose phone is rung as slowly as a test wants, or of which there is none. */
function ringing(obstacle: Obstacle | null = null) {
  const call = exampleCall();
  const session = {
    call,
    clock: systemClock,
    ended: false,
    invites: { own: (invite: OutgoingInvite) => invite },
    channels: { occupy: () => undefined },
    metLimit: () => undefined,
    logger: pino({ level: 'silent' }),
  };
  const outcome = later<InviteOutcome>();
  const rung = later<undefined>();
  const invite = () => {
    rung.resolve(undefined);
    return { outcome: outcome.promise, gone: outcome.promise.then(() => undefined), onProgress: () => undefined };
  };
  const deps = {
    config: () => config,
    sip: { invite },
  } as unknown as CallDeps;
  const target = resolveTarget(config, 'sales');
  const attempt = new TargetAttempt(
    { target, obstacle, contacts: [CONTACT], evenDown: false, requests: [], grants: [], held: [] },
    {
      session: session as unknown as CallSession,
      deps,
      sdp: plainSdp('127.0.0.1'),
      step: 1,
      until: performance.now() + 60_000,
      onProgress: () => undefined,
      claim: () => true,
      heard: () => false,
    },
  );
  /** As it is told of. */
  const end = (): string => {
    session.ended = true;
    closeDocument(call, Date.parse(call.startedAt) + 1000, { by: 'caller', reason: 'normal', sip: null });
    return JSON.stringify(call.legs);
  };
  return { call, run: () => attempt.run(), outcome, rung: rung.promise, end };
}

it.each(['not_registered', 'down', null] as const)(
  'gets no leg behind the end of its call, with %s in its way',
  async (obstacle) => {
    const { call, run, end } = ringing(obstacle);
    const told = end();
    await run();
    expect(JSON.stringify(call.legs)).toBe(told);
  },
);

it('changes no leg behind the end of its call', async () => {
  const { call, run, outcome, rung, end } = ringing();
  const result = run();
  await rung;
  const told = end();
  outcome.resolve({ kind: 'cancelled' });
  await result;
  expect(JSON.stringify(call.legs)).toBe(told);
  expect(call.legs).toMatchObject([{ result: 'cancelled', endedAt: call.endedAt }]);
});

it('rings no other gateway of a carrier for the last moment of its time', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const dialled: string[] = [];
  const waited: number[] = [];
  const invite = ({ uri }: InviteRequest) => {
    dialled.push(uri);
    vi.advanceTimersByTime(4950);
    const failure = { status: 500, reason: '', texts: [], q850: null, retryAfterSeconds: null };
    const outcome = Promise.resolve({ kind: 'failed', failure });
    return { outcome, gone: outcome, onProgress: () => undefined };
  };
  const target = resolveTarget(config, 'office');
  const deps = {
    config: () => config,
    sip: { invite },
    carriers: {
      order: () => ({ gateways: target.gateways, full: false }),
      turn: (_trunk: string, mostMs: number) => Promise.resolve(waited.push(mostMs) > 0),
      failed: () => undefined,
    },
  } as unknown as CallDeps;
  const session = {
    call: exampleCall(),
    clock: systemClock,
    ended: false,
    invites: { own: (one: OutgoingInvite) => one },
    channels: { occupy: () => undefined },
    metLimit: () => undefined,
    logger: pino({ level: 'silent' }),
  } as unknown as CallSession;
  const attempt = new TargetAttempt(
    { target, obstacle: null, contacts: [], evenDown: false, requests: [], grants: [], held: [] },
    {
      session,
      deps,
      sdp: plainSdp('127.0.0.1'),
      step: 1,
      until: performance.now() + 5000,
      onProgress: () => undefined,
      claim: () => true,
      heard: () => false,
    },
  );
  expect(await attempt.run()).toEqual({ kind: 'failed', result: 'unreachable' });
  expect(dialled).toHaveLength(1);
  // A turn later than this would come too late to ring.
  expect(waited).toEqual([4900]);
});
