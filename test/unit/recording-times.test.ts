import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { closeRanges, expectedSeconds, positionAt, secondsFrom } from '../../src/call/recording-times.js';
import { exampleCall } from '../redis/examples.js';

const START = Date.parse('2026-11-21T10:12:05.000Z');
const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString();

function recorded(fields: Partial<Call['recording']>, endedAt = iso(60)): Call {
  const call = exampleCall({ answeredAt: iso(-1), endedAt });
  call.recording = { ...call.recording, status: 'recording', startedAt: iso(0), ...fields };
  return call;
}

describe('where in the file a moment is', () => {
  it('what was paused before is not in it', () => {
    const { recording } = recorded({ paused: [{ atSeconds: 10, seconds: 5 }] });
    expect(positionAt(recording, 10)).toBe(5);
    expect(positionAt(recording, 30)).toBe(25);
  });

  it('while it is paused it stands still', () => {
    const paused = [
      { atSeconds: 10, seconds: 5 },
      { atSeconds: 20, seconds: null },
    ];
    expect(positionAt({ paused }, 40)).toBe(20);
  });

  it('is told by the clock of the file where both moments are known by it, whatever ours says', () => {
    expect(secondsFrom({ oursMs: 0, engineMs: 900_000 }, { oursMs: 9000, engineMs: 904_500 })).toBe(4.5);
  });

  it('is told by ours where one of them is not', () => {
    expect(secondsFrom({ oursMs: 0, engineMs: 900_000 }, { oursMs: 9000, engineMs: null })).toBe(9);
    expect(secondsFrom({ oursMs: 0, engineMs: null }, { oursMs: 9000, engineMs: 904_500 })).toBe(9);
  });
});

describe('what is still open when the call ends', () => {
  it('a pause ends with it, and is not expected in the file', () => {
    const call = recorded({ paused: [{ atSeconds: 40, seconds: null }] });
    call.recording = closeRanges(call.recording, 60);
    expect(call.recording.paused).toEqual([{ atSeconds: 40, seconds: 20 }]);
    expect(expectedSeconds(call)).toBe(40);
  });

  it('a mask ends with it', () => {
    const call = recorded({ paused: [{ atSeconds: 10, seconds: 5 }], masked: [{ fromSeconds: 30, toSeconds: null }] });
    expect(closeRanges(call.recording, 60).masked).toEqual([{ fromSeconds: 30, toSeconds: 55 }]);
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
