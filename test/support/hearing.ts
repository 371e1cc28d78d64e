import type { PhoneCall } from '../../src/sandbox/phone/index.js';
import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import { until } from './until.js';

const WINDOW_SAMPLES = 800;

/** Whether a phone's call heard `hz` in the last quarter of a second: for what does not end by itself. */
export function hears({ media }: PhoneCall, hz: number): boolean {
  return dominantTone(media.heard(-2000), [hz]) === hz;
}

/**
 * Waits until a phone's call has heard `hz` for a tenth of a second, so often with something else in between; what it heard
 * while nobody looked counts too. `from`: the sample to begin at. Gives the sample behind what was found.
 */
export async function heard({ media }: PhoneCall, hz: number, { from = 0, times = 1 } = {}): Promise<number> {
  let at = from;
  let found = 0;
  let hearing = false;
  return await until(`${hz} Hz is heard`, () => {
    for (; found < times && at + WINDOW_SAMPLES <= media.heardSamples; at += WINDOW_SAMPLES / 4) {
      const isHeard = dominantTone(media.heard(at).subarray(0, WINDOW_SAMPLES), [hz]) === hz;
      if (isHeard && !hearing) found += 1;
      hearing = isHeard;
    }
    return found === times && at;
  });
}
