import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { closeRanges, expectedSeconds, positionAt } from '../../src/call/recording-times.js';
import { exampleCall } from '../redis/examples.js';

const START = Date.parse('2026-11-21T10:12:05.000Z');
const at = (seconds: number) => START + seconds * 1000;
const iso = (seconds: number) => new Date(at(seconds)).toISOString();

function recorded(fields: Partial<Call['recording']>, endedAt = iso(60)): Call {
  const call = exampleCall({ answeredAt: iso(-1), endedAt });
  call.recording = { ...call.recording, status: 'recording', startedAt: iso(0), ...fields };
  return call;
}

describe('where in the file a moment is', () => {
  it('what was paused before is not in it', () => {
    const { recording } = recorded({ paused: [{ atSeconds: 10, seconds: 5 }] });
    expect(positionAt(recording, at(10))).toBe(5);
    expect(positionAt(recording, at(30))).toBe(25);
  });

  it('while it is paused it stands still', () => {
    const paused = [
      { atSeconds: 10, seconds: 5 },
      { atSeconds: 20, seconds: null },
    ];
    expect(positionAt(recorded({ paused }).recording, at(40))).toBe(20);
  });

  it('before the first sound it is the beginning', () => {
    expect(positionAt(recorded({ startedAt: null }).recording, at(40))).toBe(0);
  });
});

describe('what is still open when the call ends', () => {
  it('a pause ends with it, and is not expected in the file', () => {
    const call = recorded({ paused: [{ atSeconds: 40, seconds: null }] });
    closeRanges(call);
    expect(call.recording.paused).toEqual([{ atSeconds: 40, seconds: 20 }]);
    expect(expectedSeconds(call)).toBe(40);
  });

  it('a mask ends with it', () => {
    const call = recorded({ paused: [{ atSeconds: 10, seconds: 5 }], masked: [{ fromSeconds: 30, toSeconds: null }] });
    closeRanges(call);
    expect(call.recording.masked).toEqual([{ fromSeconds: 30, toSeconds: 55 }]);
  });
});

describe('how long the recording should be', () => {
  it('from its start to its stop', () => {
    expect(expectedSeconds(recorded({ stoppedAt: iso(25) }))).toBe(25);
  });

  it('the talk, where FreeSWITCH never said when it began', () => {
    expect(expectedSeconds(recorded({ startedAt: null }))).toBe(61);
  });
});
