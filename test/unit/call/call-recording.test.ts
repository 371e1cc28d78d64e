import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { CallRecording } from '../../../src/call/call-recording.js';
import { NO_RECORDING } from '../../../src/call/document.js';
import type { MediaEvent, MediaServer } from '../../../src/call/media-ports.js';
import { exampleCall } from '../../redis/examples.js';

const [first, second] = ['fs-1', 'fs-2'].map((id) => ({ id }) as MediaServer);
const GONE: MediaEvent = { type: 'hangup', leg: 'caller', channelId: 'a', cause: 'SWITCH_CONGESTION' };

/** A recorded talk; what FreeSWITCH is waited for before its file is read. */
function talk(call: Call) {
  let server = first;
  const waits: (() => boolean)[] = [];
  const recording = new CallRecording(call, {
    media: () => server ?? null,
    record: () => undefined,
    changed: () => undefined,
    recordings: { refusal: () => null, settle: () => Promise.resolve({ ...NO_RECORDING, status: 'ready' }) },
    untilStopped: (stopped) => Promise.resolve(void waits.push(stopped)),
    metrics: { recording: () => undefined } as unknown as ConstructorParameters<typeof CallRecording>[1]['metrics'],
    logger: pino({ level: 'silent' }),
  });
  recording.plan({ mode: 'always' }, false);
  const takenOver = (): void => void (server = second);
  return { recording, takenOver, stopped: () => waits.map((condition) => condition()) };
}

it('is not read before the server that has the call has closed it, whoever hung up before', async () => {
  const { recording, takenOver, stopped } = talk(exampleCall({ answeredAt: '2026-11-21T10:12:05.000Z' }));
  recording.mediaEvent(GONE);
  takenOver();
  recording.mediaEvent({ type: 'recording-started' });
  await recording.settle();
  expect(stopped()).toEqual([false]);
  recording.mediaEvent({ ...GONE, channelId: 'b' });
  expect(stopped()).toEqual([true]);
});
