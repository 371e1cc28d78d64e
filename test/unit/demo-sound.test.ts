import { describe, expect, it } from 'vitest';
import { hear } from '../../demo/sound.js';
import { ToneGenerator } from '../../src/sandbox/rtp/tone.js';

const WINDOW = 800;

/** `windows` tenths of a second of a tone; in one of them it breaks off for a late packet, and goes on in another phase. */
function tone(hz: number, windows: number, broken?: number): Int16Array {
  const samples = new Int16Array(windows * WINDOW);
  const generator = new ToneGenerator([hz]);
  generator.fill(samples);
  if (broken !== undefined) {
    const from = broken * WINDOW + WINDOW / 2;
    samples.fill(0, from, from + 160);
    generator.fill(new Int16Array(47));
    generator.fill(samples.subarray(from + 160));
  }
  return samples;
}

describe('what the demo hears in a recording', () => {
  it('finds the tone and how much of the time it is there', () => {
    expect(hear(tone(440, 20))).toEqual({ hz: 440, share: 1 });
    expect(hear(new Int16Array(10 * WINDOW))).toEqual({ hz: null, share: 0 });
    const half = tone(660, 20);
    half.fill(0, 10 * WINDOW);
    expect(hear(half)).toEqual({ hz: 660, share: 0.5 });
  });

  it.for([0, 10, 19])('is not led astray by a packet that came late, in window %i of 20', (broken) => {
    expect(hear(tone(440, 20, broken))).toEqual({ hz: 440, share: 0.95 });
  });
});
