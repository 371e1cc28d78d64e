import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { Call, RecordingInfo } from '../../../src/call/call.js';
import { CallRecording } from '../../../src/call/call-recording.js';
import { closeDocument, NO_RECORDING } from '../../../src/call/document.js';
import type { MediaEvent, MediaServer } from '../../../src/call/media-ports.js';
import { exampleCall } from '../../redis/examples.js';

const AT = '2026-11-21T10:12:05.000Z';
const GONE: MediaEvent = { type: 'hangup', leg: 'caller', channelId: 'a', cause: 'SWITCH_CONGESTION' };

/** A recorded call; what FreeSWITCH is waited for before its file is read. */
function recorded(call: Call, engaged = false) {
  const record: MediaServer['record'] = (_channel, _call, action) => Promise.resolve(void asked.push(action));
  const [first, second] = ['fs-1', 'fs-2'].map((id) => ({ id, record }) as MediaServer);
  let server = first;
  const waits: (() => boolean)[] = [];
  const asked: string[] = [];
  const written: RecordingInfo[] = [];
  const discarded: string[] = [];
  const recording = new CallRecording(call, {
    media: () => server ?? null,
    record: () => undefined,
    changed: () => undefined,
    changedQuietly: () => written.push(structuredClone(call.recording)),
    recordings: {
      refusal: () => null,
      settle: () => Promise.resolve({ ...NO_RECORDING, status: 'ready' }),
      discard: (callId) => Promise.resolve(void discarded.push(callId)),
    },
    untilStopped: (stopped) => Promise.resolve(void waits.push(stopped)),
    metrics: { recording: () => undefined } as unknown as ConstructorParameters<typeof CallRecording>[1]['metrics'],
    logger: pino({ level: 'silent' }),
  });
  recording.plan({ mode: 'always' }, engaged);
  const takenOver = (): void => void (server = second);
  return { recording, takenOver, asked, written, discarded, stopped: () => waits.map((condition) => condition()) };
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
