import { describe, expect, it } from 'vitest';
import type { RecordingInfo } from '../../../src/call/call.js';
import { actionsIn, phaseOf } from '../../../src/call/recording-phase.js';
import { exampleCall } from '../../redis/examples.js';

const NOW = '2026-11-21T10:12:05.000Z';
const talk = (recording: Partial<RecordingInfo>, endedAt: string | null = null) =>
  exampleCall({ answeredAt: NOW, endedAt, recording: { ...exampleCall().recording, ...recording } });

describe('how the recording of a talk stands', () => {
  it.each([
    [{ status: 'none', reason: null }, null],
    [{ status: 'none', reason: 'not_wanted' }, null],
    [{ status: 'none', reason: 'not_started' }, 'off'],
    [{ status: 'recording' }, 'recording'],
    [{ status: 'recording', paused: [{ atSeconds: 1, seconds: 2 }] }, 'recording'],
    [{ status: 'recording', paused: [{ atSeconds: 1, seconds: null }] }, 'paused'],
    [{ status: 'recording', masked: [{ fromSeconds: 1, toSeconds: null }] }, 'masked'],
    [{ status: 'recording', stoppedAt: NOW, paused: [{ atSeconds: 1, seconds: 2 }] }, 'stopped'],
    [{ status: 'ready' }, null],
  ] as [Partial<RecordingInfo>, string | null][])('%j is %s', (recording, phase) => {
    expect(phaseOf(talk(recording))).toBe(phase);
  });

  it('is nothing before the talk and after it', () => {
    expect(phaseOf(exampleCall({ recording: talk({ status: 'recording' }).recording }))).toBeNull();
    expect(phaseOf(talk({ status: 'recording' }, NOW))).toBeNull();
  });

  it('says what may be done', () => {
    expect(actionsIn('recording')).toEqual(['pause', 'mask', 'stop']);
    expect(actionsIn('masked')).toEqual(['unmask', 'stop']);
    expect([actionsIn('off'), actionsIn('stopped')]).toEqual([['start'], []]);
  });
});
