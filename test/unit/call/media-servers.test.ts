import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { CallDeps } from '../../../src/call/deps.js';
import type { MediaServer } from '../../../src/call/media-ports.js';
import { MediaServers } from '../../../src/call/media-servers.js';
import type { CallSession } from '../../../src/call/session.js';
import type { IncomingInvite, InviteOutcome, InviteRequest, OutgoingInvite } from '../../../src/call/sip-ports.js';

/** A call with two servers to go to, the first of which has been asked. */
function asked(options: { sipUp?: boolean; dialledBack?: boolean; ended?: boolean } = {}) {
  const { sipUp = true, dialledBack = false, ended = false } = options;
  const servers = ['a', 'b'].map((id) => ({ id, sipAddress: `${id}:5080` }) as MediaServer);
  const sent: InviteRequest[] = [];
  const progress: ((status: number, sdp: string) => void)[] = [];
  const used: string[] = [];
  const invite = (request: InviteRequest): OutgoingInvite => {
    sent.push(request);
    return { onProgress: (listener) => void progress.push(listener) } as OutgoingInvite;
  };
  const session = {
    id: 'call',
    ended,
    invites: { own: (attempt: OutgoingInvite) => attempt, dialBack: dialledBack ? {} : null },
    media: { use: ({ id }: MediaServer) => used.push(id) },
    logger: pino({ level: 'silent' }),
  } as unknown as CallSession;
  const deps = {
    config: () => ({ engines: { setupTimeout: 5000 } }),
    media: { pick: (tried: MediaServer[] = []) => servers.find((server) => !tried.includes(server)) ?? null },
    sip: { up: sipUp, invite },
  } as unknown as CallDeps;
  const caller = { progress: () => undefined } as unknown as IncomingInvite;
  const request = { sdp: 'v=0', from: { user: 'anonymous', displayName: null }, headers: {}, timeoutMs: 30_000 };
  const media = new MediaServers(session, caller, request, deps);
  const [first] = servers;
  if (first) media.ask(first);
  return { media, sent, used, progress };
}

const failed = (status: number | null): InviteOutcome => ({
  kind: 'failed',
  failure: { status, reason: '', texts: [], q850: null, retryAfterSeconds: null },
});

describe('a call that a FreeSWITCH did not take', () => {
  it.each([[null], [403], [500], [503]])('goes to the next one after %s', (status) => {
    const { media, sent, used } = asked();
    expect(media.askNext(failed(status))).not.toBeNull();
    expect(sent.map(({ uri }) => uri)).toEqual(['sip:call@a:5080', 'sip:call@b:5080']);
    expect(used).toEqual(['a', 'b']);
    // Only where another one may take it, silence is given up early.
    expect(sent.map(({ responseTimeoutMs }) => responseTimeoutMs)).toEqual([2000, undefined]);
    expect(media.askNext(failed(status))).toBeNull();
  });

  it.each<[string, InviteOutcome, Parameters<typeof asked>[0]]>([
    ['has no codec of ours', failed(488), {}],
    ['is cancelled', { kind: 'cancelled' }, {}],
    ['has ended', failed(503), { ended: true }],
    ['has been dialled back for', failed(503), { dialledBack: true }],
    ['lost its link to drachtio', failed(null), { sipUp: false }],
  ])('stays where it is when it %s', (_why, outcome, options) => {
    const { media, sent } = asked(options);
    expect(media.askNext(outcome)).toBeNull();
    expect(sent).toHaveLength(1);
  });

  it('stays where it is when its caller has heard of it', () => {
    const { media, progress } = asked();
    progress[0]?.(183, 'v=0');
    expect(media.askNext(failed(503))).toBeNull();
  });
});
