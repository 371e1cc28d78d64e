import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Call, RecordingInfo } from '../../../src/call/call.js';
import { CallRecording } from '../../../src/call/call-recording.js';
import { closeDocument, NO_RECORDING } from '../../../src/call/document.js';
import { systemClock } from '../../../src/lib/clock.js';
import type { EngineSpan, MediaEvent, MediaServer, RecordingAction } from '../../../src/call/media-ports.js';
import { exampleCall } from '../../redis/examples.js';

const AT = '2026-11-21T10:12:05.000Z';
const GONE: MediaEvent = { type: 'hangup', leg: 'caller', channelId: 'a', cause: 'SWITCH_CONGESTION' };

/** A recorded call; what FreeSWITCH is waited for before its file is read. `spans`: when it says that it did what it was asked. */
function recorded(call: Call, engaged = false, spans: EngineSpan[] = [], disk: { refusal?: string } = {}) {
  const record: MediaServer['record'] = (_channel, _call, action) => {
    asked.push(action);
    return Promise.resolve(spans.shift() ?? null);
  };
  const [first, second] = ['fs-1', 'fs-2'].map((id) => ({ id, record }) as MediaServer);
  let server = first;
  const waits: (() => boolean)[] = [];
  const asked: string[] = [];
  const written: RecordingInfo[] = [];
  const discarded: string[] = [];
  const settled: (number | null)[] = [];
  const recording = new CallRecording(call, {
    clock: systemClock,
    media: () => server ?? null,
    record: () => undefined,
    changed: () => undefined,
    changedQuietly: () => written.push(structuredClone(call.recording)),
    recordings: {
      refusal: () => disk.refusal ?? null,
      settle: ({ recording }, _wanted, engineSeconds) => {
        settled.push(engineSeconds ?? null);
        return Promise.resolve({ ...recording, status: 'ready' });
      },
      discard: (callId) => Promise.resolve(void discarded.push(callId)),
    },
    untilStopped: (stopped) => Promise.resolve(void waits.push(stopped)),
    metrics: { recording: () => undefined } as unknown as ConstructorParameters<typeof CallRecording>[1]['metrics'],
    logger: pino({ level: 'silent' }),
  });
  recording.plan({ mode: 'always' }, engaged);
  const takenOver = (): void => void (server = second);
  return {
    recording,
    takenOver,
    asked,
    written,
    discarded,
    settled,
    stopped: () => waits.map((condition) => condition()),
  };
}

it('is not read before the server that has the call has closed it, whoever hung up before', async () => {
  const { recording, takenOver, stopped } = recorded(exampleCall({ answeredAt: AT }));
  recording.mediaEvent(GONE);
  takenOver();
  recording.mediaEvent({ type: 'recording-started' });
  await recording.settle();
  expect(stopped()).toEqual([false]);
  recording.mediaEvent({ ...GONE, channelId: 'b' });
  expect(stopped()).toEqual([true]);
});

it('begins with the talk, not with what is played before the answer', async () => {
  const call = exampleCall();
  const { recording, asked } = recorded(call, true);
  recording.mediaEvent({ type: 'channel', leg: 'caller', channelId: 'a' });
  recording.mediaEvent({ type: 'bridged' });
  await expect(recording.act('start')).rejects.toThrow('nobody talks yet');
  call.answeredAt = AT;
  recording.answered();
  await recording.settle();
  expect(asked).toEqual(['start']);
});

it('is begun by the dialplan alone, where that is to begin it', () => {
  const { recording, asked } = recorded(exampleCall({ answeredAt: AT }));
  recording.mediaEvent({ type: 'channel', leg: 'caller', channelId: 'a' });
  recording.mediaEvent({ type: 'bridged' });
  recording.answered();
  expect(asked).toEqual([]);
});

it('is not settled, and not told of, for a call that nobody answered', async () => {
  const { recording, settled } = recorded(exampleCall());
  recording.mediaEvent({ type: 'recording-started' });
  await recording.settle();
  expect(settled).toEqual([]);
});

it('began once, however often FreeSWITCH says so: what its lost link kept from us is told again', () => {
  const call = exampleCall({ answeredAt: AT, recording: NO_RECORDING });
  const { recording } = recorded(call);
  vi.useFakeTimers({ now: Date.parse(AT), toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  for (let time = 0; time < 2; time += 1) {
    recording.mediaEvent({ type: 'recording-started' });
    recording.mediaEvent({ type: 'bridged' });
    vi.advanceTimersByTime(5000);
  }
  expect(call.recording).toMatchObject({ status: 'recording', startedAt: AT });
});

it('is not begun by hand where its caller does not want it, the disk is low, or the call is over', async () => {
  const call = exampleCall({ answeredAt: AT });
  const disk: { refusal?: string } = {};
  const { recording, asked } = recorded(call, false, [], disk);
  recording.mediaEvent({ type: 'channel', leg: 'caller', channelId: 'a' });
  recording.mediaEvent({ type: 'bridged' });
  disk.refusal = 'disk_low';
  await expect(recording.act('start')).rejects.toThrow('disk_low');
  delete disk.refusal;
  recording.forbid('caller_declined');
  recording.forbid('not_announced');
  await expect(recording.act('start')).rejects.toThrow('"start": the caller declined it');
  const untold = recorded(exampleCall({ answeredAt: AT })).recording;
  untold.forbid('not_announced');
  await expect(untold.act('start')).rejects.toThrow('"start": the caller was not told of it');
  call.endedAt = AT;
  await expect(recording.act('start')).rejects.toThrow('the call has ended');
  expect(asked).toEqual([]);
});

it('is written down when FreeSWITCH has begun, however long behind the answer that says nothing of it', () => {
  const { recording, written } = recorded(exampleCall({ answeredAt: AT, recording: NO_RECORDING }));
  recording.mediaEvent({ type: 'recording-started' });
  recording.mediaEvent({ type: 'bridged' });
  expect(written).toMatchObject([
    { status: 'recording', startedAt: null },
    { status: 'recording', startedAt: expect.any(String) as string },
  ]);
});

it.each(['before', 'behind'])('is none of a lost call, though FreeSWITCH began it just %s the end', (when) => {
  const call = exampleCall();
  const { recording } = recorded(call);
  const begin = (): void => recording.mediaEvent({ type: 'recording-started' });
  if (when === 'before') begin();
  closeDocument(call, Date.parse(AT), { by: 'caller', reason: 'normal', sip: null });
  recording.lost();
  if (when === 'behind') begin();
  recording.mediaEvent({ type: 'bridged' });
  expect(call.recording).toEqual(NO_RECORDING);
});

it.each([
  ['is not kept of a caller who gave up as the business answered', null, ['recording-started'], true],
  ['is not looked for where FreeSWITCH never began', null, [], false],
  ['is kept of a talk', AT, ['recording-started'], false],
] as const)('%s', async (_what, answeredAt, events, gone) => {
  const call = exampleCall({ answeredAt });
  const { recording, discarded } = recorded(call);
  for (const type of events) recording.mediaEvent({ type });
  await recording.settle();
  await recording.clear();
  expect(discarded).toEqual(gone ? [call.id] : []);
});

const ACTIONS: RecordingAction[] = ['pause', 'resume', 'mask', 'unmask', 'mask'];

/** A talk whose beginning is heard, and whose commands are answered, at other moments than FreeSWITCH's. */
async function controlled(begun: { engineMs?: number }, spans: EngineSpan[], actions: RecordingAction[] = ACTIONS) {
  const call = exampleCall({ answeredAt: AT, endedAt: null, recording: NO_RECORDING });
  const { recording, settled } = recorded(call, false, spans);
  vi.useFakeTimers({ now: Date.parse(AT), toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  recording.mediaEvent({ type: 'channel', leg: 'caller', channelId: 'a' });
  recording.mediaEvent({ type: 'recording-started', ...begun });
  recording.mediaEvent({ type: 'bridged', ...begun });
  for (const action of actions) {
    vi.advanceTimersByTime(10_000);
    await recording.act(action);
  }
  vi.advanceTimersByTime(10_000);
  call.endedAt = new Date().toISOString();
  return { call, recording, settled };
}

const span = (seconds: number): EngineSpan => ({ fromMs: seconds * 1000, toMs: seconds * 1000 + 20 });
const stopped = (hungUpEngineMs?: number): MediaEvent => ({
  type: 'recording-stopped',
  hungUpEngineMs,
});

it('tells where in the file a mask and a pause are by the clock of FreeSWITCH', async () => {
  const { call, recording, settled } = await controlled({ engineMs: 100_000 }, [102, 104, 105, 107, 108].map(span));
  expect(call.recording.startedAt).toBe(AT);
  recording.mediaEvent(stopped(109_000));
  await recording.settle();
  expect(call.recording).toMatchObject({
    paused: [{ atSeconds: 2, seconds: 2.02 }],
    masked: [
      { fromSeconds: 2.98, toSeconds: 5 },
      { fromSeconds: 5.98, toSeconds: 6.98 },
    ],
  });
  expect(settled).toEqual([6.98]);
});

it.each([
  ['when it began', {}, [102, 104, 105, 107, 108].map(span)],
  ['when it did what it was told', { engineMs: 100_000 }, []],
])('tells it by our own where FreeSWITCH does not say %s', async (_what, begun, spans) => {
  const { call, recording, settled } = await controlled(begun, spans);
  recording.mediaEvent(stopped());
  await recording.settle();
  expect(call.recording).toMatchObject({
    paused: [{ atSeconds: 10, seconds: 10 }],
    masked: [
      { fromSeconds: 20, toSeconds: 30 },
      { fromSeconds: 40, toSeconds: 50 },
    ],
  });
  expect(settled).toEqual([null]);
});

it('is as long by the clock of FreeSWITCH as until it was stopped', async () => {
  const { call, recording, settled } = await controlled(
    { engineMs: 100_000 },
    [span(102), span(110)],
    ['mask', 'stop'],
  );
  expect(call.recording.masked).toEqual([{ fromSeconds: 2, toSeconds: 10 }]);
  recording.mediaEvent(stopped(115_000));
  await recording.settle();
  expect(settled).toEqual([10]);
});

it('is masked from its beginning where that is asked before FreeSWITCH has said that it has begun', async () => {
  const call = exampleCall({ answeredAt: AT, endedAt: null, recording: NO_RECORDING });
  const { recording } = recorded(call, true);
  recording.mediaEvent({ type: 'channel', leg: 'caller', channelId: 'a' });
  recording.mediaEvent({ type: 'bridged' });
  await recording.act('start');
  await recording.act('mask');
  recording.mediaEvent({ type: 'recording-started' });
  expect(call.recording).toMatchObject({ status: 'recording', masked: [{ fromSeconds: 0, toSeconds: null }] });
  await expect(recording.act('pause')).rejects.toThrow('masked');
});
