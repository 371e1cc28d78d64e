import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { CallDeps } from '../../../src/call/deps.js';
import type { ChannelRequest } from '../../../src/call/ports.js';
import { RouteWalk } from '../../../src/call/route-walk.js';
import type { CallSession } from '../../../src/call/session.js';
import type { IncomingInvite, InviteRequest, OutgoingInvite } from '../../../src/call/sip-ports.js';
import { configSchema } from '../../../src/config/schema.js';
import { systemClock } from '../../../src/lib/clock.js';
import { exampleCall } from '../../redis/examples.js';
import { plainSdp } from '../../support/raw-sip.js';

const HOUR_MS = 3_600_000;
const config = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  lines: ['one', 'other'].map((id) => ({ id, uri: `sip:${id}@192.0.2.7` })),
  routes: [{ id: 'main', steps: ['one', 'other'].map((id) => ({ dial: [id] })) }],
  sites: [{ id: 'divan', defaultRoute: 'main' }],
});

/** A walk on which nobody answers; whom it has dialled. `dialling` is called with each. */
function walk(dialling: () => void) {
  const dialled: string[] = [];
  const session = {
    call: exampleCall(),
    clock: systemClock,
    ended: false,
    invites: { own: (invite: OutgoingInvite) => invite },
    channels: { hold: () => undefined, occupy: () => undefined },
    logger: pino({ level: 'silent' }),
  } as unknown as CallSession;
  const invite = ({ uri }: InviteRequest) => {
    dialled.push(uri);
    dialling();
    const failure = { status: 500, reason: '', texts: [], q850: null, retryAfterSeconds: null };
    const outcome = Promise.resolve({ kind: 'failed', failure });
    return { outcome, gone: outcome, onProgress: () => undefined };
  };
  const granted = (requests: ChannelRequest[]) =>
    Promise.resolve(requests.map(({ limit }) => ({ granted: true, inUse: 1, limit })));
  const deps = {
    sip: { invite },
    channels: { reserve: granted, look: granted },
    drains: { has: () => false },
    lineHealth: { isDown: () => false },
  } as unknown as CallDeps;
  const [route = expect.fail()] = config.routes;
  const dialBack = { sdp: plainSdp('192.0.2.1') } as IncomingInvite;
  return { dialled, run: () => new RouteWalk(session, route, deps, config).run(dialBack) };
}

it('goes its way though the clock is set an hour on in the middle of it', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { dialled, run } = walk(() => vi.setSystemTime(Date.now() + HOUR_MS));
  expect(await run()).toMatchObject({ kind: 'exhausted' });
  expect(dialled).toEqual(['sip:one@192.0.2.7', 'sip:other@192.0.2.7']);
});

it('rings nobody for the moment by which a timer comes before the end of the route’s time', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const forMs = config.routes[0]?.for ?? expect.fail();
  const { dialled, run } = walk(() => vi.advanceTimersByTime(forMs - 3));
  expect(await run()).toMatchObject({ kind: 'exhausted' });
  expect(dialled).toEqual(['sip:one@192.0.2.7']);
});
