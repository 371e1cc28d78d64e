import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backlog } from '../../../src/call/backlog.js';
import type { Call, HeldChannel, RecordingInfo } from '../../../src/call/call.js';
import { NO_RECORDING } from '../../../src/call/document.js';
import type { OrphanedCall } from '../../../src/call/orphans.js';
import { CallRegistry } from '../../../src/call/registry.js';
import type { CallSession } from '../../../src/call/session.js';
import { Upkeep, type CallLeases, type UpkeepDeps } from '../../../src/call/upkeep.js';
import { EDGE, exampleCall, exampleChange } from '../../redis/examples.js';

const BEAT_MS = 4000;
const ANSWERED = { answeredAt: '2026-11-21T10:12:05.000Z' };
const HEARD_OF = '2026-11-21T10:13:05.000Z';

type Settle = UpkeepDeps['recordings']['settle'];
const READY: RecordingInfo = { ...NO_RECORDING, status: 'ready' };

interface SurvivorOptions {
  living?: string[];
  orphans?: OrphanedCall[];
  settle?: Settle;
  away?: () => boolean;
  edge?: string;
  up?: boolean;
  /** Whether drachtio-server still knows the dialogs. */
  talking?: boolean;
}

/** A survivor with calls of its own and what others have left behind; what it does is written down. */
function survivor(options: SurvivorOptions = {}) {
  const { living = [], orphans = [], settle = () => Promise.resolve(READY), away = () => false } = options;
  const { edge = EDGE, up = true, talking = true } = options;
  const done = {
    renewed: [] as string[][],
    asked: [] as number[],
    hungUp: [] as string[],
    released: [] as HeldChannel[],
    told: [] as [string, number, string][],
    closed: [] as string[],
    ended: [] as string[],
  };
  const registry = new CallRegistry();
  for (const id of living) {
    const end = (): void => void done.ended.push(id);
    const { resources } = exampleChange(exampleCall(), []);
    registry.add({ id, mediaKey: id, resources, end } as unknown as CallSession);
  }
  const deps: UpkeepDeps = {
    registry,
    sip: {
      up,
      edge,
      endForeignDialog: (id: string) => {
        done.hungUp.push(id);
        return Promise.resolve(talking);
      },
    } as UpkeepDeps['sip'],
    media: { find: () => null, pick: () => null, owns: () => false },
    channels: {
      renew: () => Promise.resolve(),
      reserve: () => Promise.resolve([]),
      look: () => Promise.resolve([]),
      release: (held) => Promise.resolve(void done.released.push(...held)),
    },
    recordings: { refusal: () => null, settle, discard: () => Promise.resolve() },
    store: {
      commit: ({ call, events, closed }) => {
        if (away()) return Promise.reject(new Error('Redis is away'));
        for (const { type, sequence } of events) done.told.push([call.id, sequence, type]);
        if (closed) done.closed.push(call.id);
        return Promise.resolve();
      },
    },
    endpointsFor: () => [],
    backlog: new Backlog(),
    metrics: { ended: () => undefined, recording: () => undefined } as unknown as UpkeepDeps['metrics'],
    logger: pino({ level: 'silent' }),
  };
  const leases: CallLeases = {
    renewLive: (ids) => {
      done.renewed.push(ids);
      return Promise.resolve([]);
    },
    claimOrphans: (_edge, most) => {
      done.asked.push(most);
      return Promise.resolve(orphans.splice(0, most));
    },
  };
  return { done, leases, upkeep: new Upkeep(deps, leases, deps.logger) };
}

function orphan(fields: Partial<Call> = {}): OrphanedCall {
  const call = exampleCall(fields);
  const resources = {
    edge: EDGE,
    invites: [],
    dialogs: [
      { role: 'caller' as const, id: `${call.id}-caller` },
      { role: 'business' as const, id: `${call.id}-business` },
    ],
    mediaServer: 'fs-1',
    mediaChannels: [],
    channels: [{ resource: 'trunk-in:carrier-a', token: call.id }],
  };
  return { call, resources, sequence: 3, heardOfAt: Date.parse(HEARD_OF) };
}

/** The journal waits for real turns of the event loop between its writes. */
async function beats(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await vi.advanceTimersByTimeAsync(BEAT_MS);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('the heartbeat', () => {
  it('goes on while the recording of an orphan takes for ever to be settled, and keeps the orphan claimed', async () => {
    const lost = orphan(ANSWERED);
    const never: Settle = () => new Promise(() => undefined);
    const { done, upkeep } = survivor({ living: ['own'], orphans: [lost], settle: never });
    upkeep.start();
    await beats(4);
    expect(done.renewed).toEqual([['own'], ...Array.from({ length: 3 }, () => ['own', lost.call.id])]);
    expect(done.told).toEqual([[lost.call.id, 4, 'call.completed']]);
    await upkeep.stop();
  });

  it('lets a claim go once the call is closed', async () => {
    const lost = orphan();
    const { done, upkeep } = survivor({ orphans: [lost] });
    upkeep.start();
    await beats(2);
    expect(done.closed).toEqual([lost.call.id]);
    expect(done.renewed.at(-1)).toEqual([]);
    await upkeep.stop();
  });

  it('takes over no more than it can end', async () => {
    const never: Settle = () => new Promise(() => undefined);
    const orphans = Array.from({ length: 60 }, () => orphan(ANSWERED));
    const { done, upkeep } = survivor({ orphans, settle: never });
    upkeep.start();
    await beats(2);
    expect(done.asked).toEqual([50, 0]);
    expect(orphans).toHaveLength(10);
    await upkeep.stop();
  });

  it('takes over nothing while drachtio is away, and keeps what it has', async () => {
    const { done, upkeep } = survivor({ living: ['own'], orphans: [orphan()], up: false });
    upkeep.start();
    await beats(2);
    expect(done.asked).toEqual([]);
    expect(done.renewed).toEqual([['own'], ['own']]);
    await upkeep.stop();
  });

  it('ends what a peer has taken over', async () => {
    const { done, upkeep, leases } = survivor({ living: ['kept', 'taken'] });
    leases.renewLive = () => Promise.resolve(['taken']);
    upkeep.start();
    await beats(1);
    expect(done.ended).toEqual(['taken']);
    await upkeep.stop();
  });

  it('stops although Redis does not take the end of an orphan', async () => {
    const { done, upkeep } = survivor({ orphans: [orphan()], away: () => true });
    upkeep.start();
    await beats(2);
    await upkeep.stop();
    await vi.runAllTimersAsync();
    expect(vi.getTimerCount()).toBe(0);
    expect(done.closed).toEqual([]);
  });
});

describe('a call whose gateway died', () => {
  const end = async (lost: OrphanedCall, edge = EDGE, talking = true) => {
    const { done, upkeep } = survivor({ orphans: [lost], edge, talking });
    upkeep.start();
    await beats(2);
    await upkeep.stop();
    return done;
  };

  it('is hung up on both sides, lets its channels go, and is told with its recording', async () => {
    const lost = orphan(ANSWERED);
    const { id } = lost.call;
    const done = await end(lost);
    expect(done.hungUp).toEqual([`${id}-caller`, `${id}-business`]);
    expect(done.released).toEqual([{ resource: 'trunk-in:carrier-a', token: id }]);
    expect(done.told).toEqual([
      [id, 4, 'call.completed'],
      [id, 5, 'recording.ready'],
    ]);
    expect(lost.call).toMatchObject({ disposition: 'answered', ended: { by: 'gateway', reason: 'gateway_lost' } });
  });

  it('is told, and let go of, where its callers are at another drachtio-server', async () => {
    const lost = orphan(ANSWERED);
    const done = await end(lost, 'udp/10.0.0.2:5060');
    expect(done.hungUp).toEqual([]);
    expect(done.released).toHaveLength(1);
    expect(done.told.map(([, , type]) => type)).toEqual(['call.completed', 'recording.ready']);
  });

  it.each([
    ['until it is hung up on', EDGE, true, null],
    ['until its gateway was last heard of, where drachtio-server knows nothing of it any more', EDGE, false, HEARD_OF],
    [
      'until its gateway was last heard of, where it was at another drachtio-server',
      'udp/10.0.0.2:5060',
      true,
      HEARD_OF,
    ],
  ])('lasted %s', async (_until, edge, talking, endedAt) => {
    vi.setSystemTime('2026-11-21T15:00:00.000Z');
    const lost = orphan(ANSWERED);
    await end(lost, edge, talking);
    expect(lost.call.endedAt).toBe(endedAt ?? '2026-11-21T15:00:04.000Z');
    expect(lost.call.durations.talkSeconds).toBe(endedAt === null ? 17_279 : 60);
  });

  it('ended no sooner than it was answered, and no later than it was found', async () => {
    vi.setSystemTime('2026-11-21T15:00:00.000Z');
    const late = { ...orphan({ answeredAt: '2026-11-21T10:13:06.000Z' }) };
    await end(late, EDGE, false);
    expect(late.call.endedAt).toBe('2026-11-21T10:13:06.000Z');
    const ahead = { ...orphan(ANSWERED), heardOfAt: Date.parse('2026-11-22T00:00:00.000Z') };
    await end(ahead, EDGE, false);
    expect(Date.parse(ahead.call.endedAt ?? '')).toBeLessThanOrEqual(Date.now());
  });

  it('is missed where nobody had answered', async () => {
    const lost = orphan();
    const done = await end(lost);
    expect(done.told).toEqual([[lost.call.id, 4, 'call.missed']]);
    expect(lost.call).toMatchObject({ disposition: 'missed', lossReason: 'gateway_lost' });
  });

  it('is not told twice where only its recording was left to be settled', async () => {
    const lost = orphan({ ...ANSWERED, disposition: 'answered', endedAt: ANSWERED.answeredAt });
    const done = await end(lost);
    expect(done.told).toEqual([[lost.call.id, 4, 'recording.ready']]);
  });
});
